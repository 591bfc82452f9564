/// Elements side by side, as in an array: a value, whose memory is copied when it changes while others hold it.
///
/// Unlike an array it does not look who holds it for every element that is written: `own` does, once for as many as are
/// changed after it. Whoever uses `start` keeps the value as long.
struct OwnedMemory<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
    /// Gives the memory back when nobody holds it any more.
    private final class Holder {
        let start: UnsafeMutablePointer<Element>

        init(capacity: Int) { start = .allocate(capacity: capacity) }

        deinit { start.deallocate() }
    }

    let capacity: Int
    private var holder: Holder
    /// Written to only by who has called `own`.
    private(set) var start: UnsafeMutablePointer<Element>

    /// Elements that nobody has set yet.
    init(capacity: Int) {
        self.capacity = capacity
        holder = Holder(capacity: capacity)
        start = holder.start
    }

    init(repeating element: Element, count: Int) {
        self.init(capacity: count)
        start.initialize(repeating: element, count: count)
    }

    /// Makes the memory this value's alone: the first `count` elements are copied if others hold it.
    @inline(__always)
    mutating func own(_ count: Int) {
        if !isKnownUniquelyReferenced(&holder) { copy(count) }
    }

    @inline(never)
    private mutating func copy(_ count: Int) {
        let own = Holder(capacity: capacity)
        own.start.update(from: start, count: count)
        (holder, start) = (own, own.start)
    }
}

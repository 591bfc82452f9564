/// A fixed number of elements with value semantics: the memory is copied when it changes while others hold it.
///
/// An array checks for other holders whenever an element is written. Here `own` checks once, before any number of writes. The
/// value must outlive the use of `start`.
///
/// Unchecked: the memory is only written after `own`, when no other value shares it.
struct OwnedMemory<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
    /// Frees the memory when the last value is gone.
    private final class Holder {
        let start: UnsafeMutablePointer<Element>

        init(capacity: Int) { start = .allocate(capacity: capacity) }

        deinit { start.deallocate() }
    }

    /// Elements that there is room for.
    let capacity: Int
    private var holder: Holder
    /// Call `own` before writing to it.
    private(set) var start: UnsafeMutablePointer<Element>

    /// Uninitialised elements.
    init(capacity: Int) {
        self.capacity = capacity
        holder = Holder(capacity: capacity)
        start = holder.start
    }

    init(repeating element: Element, count: Int) {
        self.init(capacity: count)
        start.initialize(repeating: element, count: count)
    }

    /// Makes the memory this value's alone. If others hold it, the first `count` elements are copied.
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

import Synchronization

/// A fixed number of counters that any thread may add to.
///
/// Unchecked: after initialisation, the memory is only accessed by atomic operations.
final class AtomicCounts: @unchecked Sendable {
    private let counts: UnsafeMutablePointer<Atomic<Int>>
    private let count: Int

    init(count: Int) {
        self.count = count
        counts = .allocate(capacity: count)
        for place in 0..<count { (counts + place).initialize(to: Atomic(0)) }
    }

    deinit {
        counts.deinitialize(count: count)
        counts.deallocate()
    }

    func add(_ amount: Int, at place: Int) { counts[place].add(amount, ordering: .relaxed) }

    /// Each counter, read one after the other while others may add.
    var all: [Int] { (0..<count).map { counts[$0].load(ordering: .relaxed) } }
}

import Synchronization

/// How a worker's threads stop together. A member that leaves the group causes a rebalance, which the others' commits would
/// run into: nobody leaves before all have committed.
final class Shutdown: Sendable {
    private let request = Atomic<Bool>(false)
    private let threads: Int
    private let committed = Mutex<Set<Int>>([])

    init(threads: Int) { self.threads = threads }

    var isRequested: Bool { request.load(ordering: .relaxed) }

    /// Asks the threads to finish; returns at once.
    func begin() { request.store(true, ordering: .relaxed) }

    /// This thread has nothing left to commit, or never will.
    func markCommitted(_ thread: Int) { committed.withLock { _ = $0.insert(thread) } }

    /// Whether every thread may leave.
    var isCommitted: Bool { committed.withLock { $0.count == threads } }
}

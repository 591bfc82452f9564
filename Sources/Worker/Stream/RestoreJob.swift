import Foundation
import Synchronization

/// A checkpoint being read on a thread of its own, while the stream goes on with other partitions.
final class RestoreJob: Sendable {
    private let result = Mutex<Result<RestoredState, any Error>?>(nil)
    private let permille = Atomic<Int>(0)
    private let milliseconds = Atomic<Int>(0)
    private let isCancelled = Atomic<Bool>(false)

    /// - Parameters:
    ///   - queue: runs at most a few at once.
    ///   - read: told whom to tell of its progress, 0 to 1; that throws `CancellationError` when nobody waits any more.
    init(
        on queue: OperationQueue,
        _ read: @escaping @Sendable (_ progress: @escaping @Sendable (Double) throws -> Void) throws -> RestoredState
    ) {
        queue.addOperation { [self] in
            if isCancelled.load(ordering: .relaxed) { return }
            let start = ContinuousClock.now
            let outcome = Result {
                try read { share in
                    if self.isCancelled.load(ordering: .relaxed) { throw CancellationError() }
                    self.permille.store(Int(share * 1000), ordering: .relaxed)
                }
            }
            milliseconds.store(Int((ContinuousClock.now - start) / .milliseconds(1)), ordering: .relaxed)
            result.withLock { $0 = outcome }
        }
    }

    /// Ends the reading soon: nobody waits for it any more.
    func cancel() { isCancelled.store(true, ordering: .relaxed) }

    /// How long it took.
    var seconds: Double { Double(milliseconds.load(ordering: .relaxed)) / 1000 }

    /// How much has been read, 0 to 1.
    var share: Double { Double(permille.load(ordering: .relaxed)) / 1000 }

    /// What came of it, once; `nil` as long as it is not done.
    func take() -> Result<RestoredState, any Error>? {
        result.withLock { result in
            defer { result = nil }
            return result
        }
    }
}

import Dispatch
import Synchronization

/// A checkpoint being read on a thread of its own, while the stream's thread goes on with other partitions.
final class RestoreJob: Sendable {
    private let result = Mutex<Result<RestoredState, any Error>?>(nil)
    private let permille = Atomic<Int>(0)

    /// - Parameter read: told whom to tell of its progress.
    init(
        on queue: DispatchQueue,
        _ read: @escaping @Sendable (_ progress: @escaping @Sendable (Double) -> Void) throws -> RestoredState
    ) {
        queue.async { [self] in
            let outcome = Result { try read { self.permille.store(Int($0 * 1000), ordering: .relaxed) } }
            result.withLock { $0 = outcome }
        }
    }

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

import Foundation
import Synchronization

/// Does pieces of work, so many at once and the first ones first, and gives their results in order.
/// - Parameter progress: told what share of the pieces is done.
/// - Throws: what the first piece that failed threw, in order.
func inParallel<Value: Sendable>(
    _ count: Int, threads: Int, progress: (Double) -> Void = { _ in }, _ work: @Sendable @escaping (Int) throws -> Value
) throws -> [Value] {
    let results = Mutex<[Int: Result<Value, any Error>]>([:])
    let done = DispatchSemaphore(value: 0)
    let queue = OperationQueue()
    queue.maxConcurrentOperationCount = max(1, threads)
    for number in 0..<count {
        queue.addOperation {
            let result = Result { try work(number) }
            results.withLock { $0[number] = result }
            done.signal()
        }
    }
    for number in 0..<count {
        done.wait()
        progress(Double(number + 1) / Double(max(count, 1)))
    }
    return try results.withLock { results in try (0..<count).map { try results[$0]!.get() } }
}

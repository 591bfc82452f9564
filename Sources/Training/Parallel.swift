import Foundation
import Synchronization

/// Runs `count` pieces of work on up to `threads` threads, the first pieces first, and returns their results in order.
/// - Parameter progress: called on the calling thread with the share of the pieces that is done, 0...1.
/// - Throws: the error of the first piece, in order, that failed.
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

import Foundation

/// Repeats a request whose error may pass, with pauses, until a deadline.
///
/// Every retry in this program is this one: the caller says how long, what to do meanwhile, and when to give up early.
package struct Retry {
    private let deadline: Deadline
    /// Called between two attempts with the milliseconds that are left; by default it sleeps a fifth of a second.
    private let pause: (_ remainingMilliseconds: Int32) -> Void
    private let isCancelled: () -> Bool
    private let onRetry: (KafkaError) -> Void

    /// - Parameters:
    ///   - timeoutMilliseconds: how long to repeat; there is at least one attempt.
    ///   - isCancelled: whether nobody waits for the result any more; then the last error is thrown.
    ///   - onRetry: told of each error that is followed by another attempt.
    ///   - pause: waits between attempts; given the milliseconds that are left.
    package init(
        timeoutMilliseconds: Int, isCancelled: @escaping () -> Bool = { false },
        onRetry: @escaping (KafkaError) -> Void = { _ in },
        pause: @escaping (Int32) -> Void = { Thread.sleep(forTimeInterval: Double(min($0, 200)) / 1000) }
    ) {
        deadline = Deadline(milliseconds: timeoutMilliseconds)
        self.pause = pause
        self.isCancelled = isCancelled
        self.onRetry = onRetry
    }

    /// Calls `request` until it succeeds.
    /// - Parameter request: given the milliseconds that are left.
    /// - Throws: its error if that has another remedy than `.retry`, or if the time is over.
    package func callAsFunction<Result>(
        _ request: (_ remainingMilliseconds: Int) throws(KafkaError) -> Result
    ) throws(KafkaError) -> Result {
        while true {
            do {
                return try request(Int(deadline.remainingMilliseconds))
            } catch {
                guard error.remedy == .retry, !deadline.isPast, !isCancelled() else { throw error }
                onRetry(error)
                pause(deadline.remainingMilliseconds)
            }
        }
    }
}

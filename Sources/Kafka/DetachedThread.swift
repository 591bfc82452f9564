import Dispatch
import Glibc
import Synchronization

/// Runs work on a detached thread, because it may block for longer than its caller can wait.
///
/// - Returns: False if no thread could be started.
func detachThread(_ body: @escaping @Sendable () -> Void) -> Bool {
    final class Work {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    let work = Unmanaged.passRetained(Work(body))
    var thread = pthread_t()
    let code = pthread_create(
        &thread, nil,
        { argument in
            if let argument { Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body() }
            return nil
        }, work.toOpaque())
    guard code == 0 else {
        work.release()
        return false
    }
    pthread_detach(thread)
    return true
}

/// The result of another thread's work, once it has one.
final class Answer<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    private let isThere = DispatchSemaphore(value: 0)

    func set(_ result: Value) {
        value.withLock { $0 = result }
        isThere.signal()
    }

    /// Waits for the result.
    ///
    /// - Returns: Nil if the time was over before that.
    func wait(milliseconds: Int) -> Value? {
        _ = isThere.wait(timeout: .now() + .milliseconds(milliseconds))
        return value.withLock { $0 }
    }
}

import Dispatch
import Glibc
import Synchronization

/// Runs something on a thread of its own, for what may block for longer than anyone wants to wait.
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

/// What another thread has come to, once it is there.
final class Answer<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    private let isThere = DispatchSemaphore(value: 0)

    func give(_ result: Value) {
        value.withLock { $0 = result }
        isThere.signal()
    }

    /// - Returns: Nil if the time was over before that.
    func wait(milliseconds: Int) -> Value? {
        _ = isThere.wait(timeout: .now() + .milliseconds(milliseconds))
        return value.withLock { $0 }
    }
}

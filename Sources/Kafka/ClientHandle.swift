import CRDKafka
import Glibc
import Synchronization

/// librdkafka's pointer to a client, counted by its users: the `Client`, and requests that have outlived their timeout. The
/// last of them destroys it.
///
/// Unchecked: the pointer may be used from any thread, and the context is only kept here, because the library's
/// callbacks may run until the end.
final class ClientHandle: @unchecked Sendable {
    let pointer: OpaquePointer
    private let context: CallbackContext
    private let users = Atomic(1)
    /// Whether a request whose C call ignores its timeout is under way.
    private let isBusy = Atomic(false)

    init(_ pointer: OpaquePointer, _ context: CallbackContext) {
        self.pointer = pointer
        self.context = context
    }

    /// Claims the one place for requests whose C call ignores its timeout.
    ///
    /// - Returns: False if the place does not become free in time: a second request would only hang beside the first.
    func beginRequest(_ deadline: Deadline) -> Bool {
        while isBusy.exchange(true, ordering: .acquiring) {
            if deadline.isPast { return false }
            usleep(10_000)
        }
        return true
    }

    func endRequest() { isBusy.store(false, ordering: .releasing) }

    func retain() { users.add(1, ordering: .relaxed) }

    /// Destroys the client if nobody else uses it; that waits for the library's threads.
    func release() {
        if users.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { rd_kafka_destroy(pointer) }
    }
}

import CRDKafka
import Synchronization

/// Ends the waiting of a consumer's poll, from any thread.
package final class Waker: Sendable {
    /// Unchecked: the library's queues may be used by any thread.
    private struct Queue: @unchecked Sendable { let pointer: OpaquePointer }

    private let queue: Mutex<Queue?>

    init(_ queue: OpaquePointer) {
        let queue = Queue(pointer: queue)
        self.queue = Mutex(queue)
    }

    /// Makes the current poll, or the next one, return at once. Does nothing once the consumer is closed.
    package func wake() {
        queue.withLock { queue in if let queue { rd_kafka_queue_yield(queue.pointer) } }
    }

    /// Forgets the queue, which the consumer is about to destroy.
    func close() { queue.withLock { $0 = nil } }
}

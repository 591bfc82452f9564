import CRDKafka

/// A topic that one producer sends to: a cached handle, so that sending needs no look-up by name.
package final class Topic {
    /// The topic's name.
    package let name: String
    private var storage: OpaquePointer?

    init(name: String, handle: OpaquePointer) {
        self.name = name
        storage = handle
    }

    var handle: OpaquePointer {
        guard let storage else { preconditionFailure("the producer of topic \(name) has been closed") }
        return storage
    }

    /// Frees the handle. Topic handles must be destroyed before their client.
    func destroy() {
        guard let handle = storage else { return }
        storage = nil
        rd_kafka_topic_destroy(handle)
    }
}

import CRDKafka

/// A topic as one producer sends to it: a cached handle, so that sending looks up no name. Belongs to that producer.
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

    /// Topic handles must be gone before their client is.
    func destroy() {
        guard let handle = storage else { return }
        storage = nil
        rd_kafka_topic_destroy(handle)
    }
}

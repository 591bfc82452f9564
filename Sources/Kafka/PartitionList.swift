import CRDKafka
import Glibc

/// Owns a `rd_kafka_topic_partition_list_t`.
struct PartitionList: ~Copyable {
    let pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    init(_ partitions: some Collection<TopicPartition>) {
        self.init(partitions.lazy.map { PartitionOffset($0, offset: PartitionOffset.none) })
    }

    init(_ offsets: some Collection<PartitionOffset>) {
        pointer = rd_kafka_topic_partition_list_new(Int32(offsets.count))
        for offset in offsets {
            let element = rd_kafka_topic_partition_list_add(
                pointer, offset.partition.topic, offset.partition.partition)
            element?.pointee.offset = offset.offset
            guard !offset.note.isEmpty else { continue }
            // The list frees it.
            let note = Array(offset.note.utf8)
            element?.pointee.metadata = malloc(note.count)
            element?.pointee.metadata?.copyMemory(from: note, byteCount: note.count)
            element?.pointee.metadata_size = note.count
        }
    }

    deinit { rd_kafka_topic_partition_list_destroy(pointer) }

    var offsets: [PartitionOffset] { pointer.offsets }

    /// The first error that the library has put on a partition.
    func firstError(_ operation: String) -> KafkaError? { pointer.firstError(operation) }

    /// The errors that the library has put on partitions.
    func errors(_ operation: String) -> [TopicPartition: KafkaError] {
        var errors: [TopicPartition: KafkaError] = [:]
        for element in UnsafePointer(pointer).elements where element.err != RD_KAFKA_RESP_ERR_NO_ERROR {
            let partition = TopicPartition(topic: String(cString: element.topic), partition: element.partition)
            errors[partition] = KafkaError(element.err, operation: "\(operation) of \(partition)")
        }
        return errors
    }
}

extension UnsafePointer<rd_kafka_topic_partition_list_t> {
    var elements: UnsafeBufferPointer<rd_kafka_topic_partition_t> {
        UnsafeBufferPointer(start: pointee.elems, count: Int(pointee.cnt))
    }

    var offsets: [PartitionOffset] {
        elements.map { element in
            let note = UnsafeRawBufferPointer(start: element.metadata, count: element.metadata_size)
            return PartitionOffset(
                TopicPartition(topic: String(cString: element.topic), partition: element.partition),
                offset: element.offset, note: String(decoding: note, as: UTF8.self))
        }
    }

    func firstError(_ operation: String) -> KafkaError? {
        guard let element = elements.first(where: { $0.err != RD_KAFKA_RESP_ERR_NO_ERROR }) else { return nil }
        return KafkaError(
            element.err, operation: "\(operation) of \(String(cString: element.topic))[\(element.partition)]")
    }
}

extension UnsafeMutablePointer<rd_kafka_topic_partition_list_t> {
    var offsets: [PartitionOffset] { UnsafePointer(self).offsets }
    func firstError(_ operation: String) -> KafkaError? { UnsafePointer(self).firstError(operation) }
}

import Kafka
import TestSupport
import Worker

/// Reads what is committed on a topic, from its beginning.
final class CommittedReader {
    struct Record {
        let key: String
        let value: String
        let headers: [String: String]

        let origin: PredictionSource?

        var source: String { origin.map { "\($0.partition)@\($0.offset)" } ?? "" }
        var sourceOffset: Int { origin.map { Int($0.offset) } ?? -1 }
    }

    private(set) var records: [Record] = []
    /// By partition, how far the broker has shown the log: the end that it told of, or the offset behind the last record.
    private(set) var shownUpTo: [Int32: Int64] = [:]
    private let consumer: Consumer
    private let batch = MessageBatch(capacity: 1000)

    init(topic: String, properties: [String: String]) throws {
        consumer = try .reading(
            topic,
            properties: properties.merging(["isolation.level": "read_committed", "enable.partition.eof": "true"]) { $1 }
        )
    }

    deinit { consumer.close() }

    private func note(_ partition: Int32, _ offset: Int64) {
        shownUpTo[partition] = max(shownUpTo[partition] ?? 0, offset)
    }

    /// - Returns: whether there was anything.
    func poll() throws -> Bool {
        try consumer.poll(into: batch, timeoutMilliseconds: 100)
        for end in batch.ends { note(end.partition.partition, end.offset) }
        for position in 0..<batch.count {
            let message = batch[position]
            note(message.partition, message.offset + 1)
            func text(_ bytes: UnsafeRawBufferPointer?) -> String {
                bytes.map { String(decoding: $0, as: UTF8.self) } ?? ""
            }
            var headers: [String: String] = [:]
            for header in message.headers { headers[header.name] = text(header.value) }
            records.append(
                Record(
                    key: text(message.key), value: text(message.value), headers: headers,
                    origin: PredictionSource(message)))
        }
        return batch.count > 0
    }
}

import Events
import Kafka

/// How a topic's messages are keyed, and by which partitioner they were distributed.
package struct KeySurvey {
    /// Who puts messages with a key where they are.
    package enum Partitioner: String {
        /// All keys are where Java's clients put them.
        case murmur2 = "as Java's clients distribute them (murmur2)"
        /// All keys are where librdkafka's clients put them.
        case consistent = "as librdkafka's clients distribute them (CRC-32)"
        /// Some are where only the one puts them, some where only the other does.
        case both =
            "by two partitioners, Java's and librdkafka's: set partitioner=murmur2_random in librdkafka's producers"
        /// Keys are where neither puts them.
        case other = "by a partitioner of the producers' own"
    }

    private let partitions: Int
    /// Messages without a key.
    package private(set) var keyless = 0
    /// Messages whose key is their customer.
    package private(set) var customers = 0
    /// Messages whose key is something else.
    package private(set) var foreign = 0
    /// A key that is something else.
    package private(set) var example = ""
    /// Keys of messages that are where only the one or the other partitioner, or neither, puts them.
    private var onlyMurmur2: Set<[UInt8]> = []
    private var onlyConsistent: Set<[UInt8]> = []
    private var neither: Set<[UInt8]> = []
    /// Fewer keys tell nothing.
    private static let fewest = 8

    /// - Parameter partitions: of the topic.
    init(partitions: Int) { self.partitions = partitions }

    mutating func note(_ message: InspectedMessage, customer: UnsafeRawBufferPointer?) {
        guard let key = message.key, !key.isEmpty else {
            keyless += 1
            return
        }
        if let customer, !customer.isEmpty {
            if key.elementsEqual(customer) {
                customers += 1
            } else {
                if foreign == 0 { example = String(decoding: key.prefix(40), as: UTF8.self) }
                foreign += 1
            }
        }
        let isMurmur2 = Murmur2Partitioner.partition(of: key, count: partitions) == message.partition
        let isConsistent = key.withUnsafeBytes {
            ConsistentPartitioner.partition(of: $0, count: partitions) == message.partition
        }
        switch (isMurmur2, isConsistent) {
        case (true, true): break
        case (true, false): onlyMurmur2.insert(key)
        case (false, true): onlyConsistent.insert(key)
        case (false, false): neither.insert(key)
        }
    }

    /// By whom messages with a key were distributed; `nil` where that cannot be told.
    package var partitioner: Partitioner? {
        let told = onlyMurmur2.count + onlyConsistent.count + neither.count
        guard partitions > 1, told >= Self.fewest else { return nil }
        if neither.count * 10 > told { return .other }
        if onlyMurmur2.isEmpty { return .consistent }
        return onlyConsistent.isEmpty ? .murmur2 : .both
    }
}

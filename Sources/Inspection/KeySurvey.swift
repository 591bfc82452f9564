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
    private var onlyMurmur2 = 0
    private var onlyConsistent = 0
    private var neither = 0

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
        case (true, false): onlyMurmur2 += 1
        case (false, true): onlyConsistent += 1
        case (false, false): neither += 1
        }
    }

    /// By whom messages with a key were distributed; `nil` where that cannot be told.
    package var partitioner: Partitioner? {
        let told = onlyMurmur2 + onlyConsistent + neither
        guard partitions > 1, told > 0 else { return nil }
        if neither * 10 > told { return .other }
        if onlyMurmur2 == 0 { return .consistent }
        return onlyConsistent == 0 ? .murmur2 : .both
    }
}

import Kafka

/// What an assignment asks Kafka for, repeated for as long as the group lets a member be silent.
struct AssignmentRequests {
    /// How long a request may take before it is repeated.
    static let timeoutMilliseconds = 5000
    /// How long requests are repeated: below librdkafka's `max.poll.interval.ms` of five minutes.
    static let retryTimeoutMilliseconds = 120_000

    private let consumer: Consumer
    private let reporter: ThreadReporter
    private let shutdown: Shutdown

    init(consumer: Consumer, reporter: ThreadReporter, shutdown: Shutdown) {
        self.consumer = consumer
        self.reporter = reporter
        self.shutdown = shutdown
    }

    /// Whether the worker has been told to stop: nothing is repeated any more.
    var isCancelled: Bool { shutdown.isRequested }

    /// The group's committed offsets of partitions.
    func committed(_ partitions: [TopicPartition]) throws(KafkaError) -> [PartitionOffset] {
        try retrying { () throws(KafkaError) in
            try consumer.committed(partitions, timeoutMilliseconds: Self.timeoutMilliseconds)
        }
    }

    /// Both ends of a partition, asked for once.
    /// - Throws: an error to retry when nobody answers, as of a partition without a leader.
    func watermarks(
        of partition: TopicPartition, timeoutMilliseconds: Int = timeoutMilliseconds
    ) throws(KafkaError) -> Watermarks {
        try consumer.watermarks(of: partition, timeoutMilliseconds: timeoutMilliseconds)
    }

    private func retrying<Result>(_ request: () throws(KafkaError) -> Result) throws(KafkaError) -> Result {
        let retry = Retry(
            timeoutMilliseconds: Self.retryTimeoutMilliseconds, isCancelled: { [shutdown] in shutdown.isRequested },
            onRetry: { [reporter] in reporter.warn("assignment waits for Kafka", $0) })
        return try retry { _ throws(KafkaError) in try request() }
    }
}

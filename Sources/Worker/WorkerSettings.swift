import Console
import Customers
import Ensemble
import Events
import Features
import Foundation
import Scoring
import Settings

/// Everything that `config/worker.yaml` may say.
package struct WorkerSettings: Sendable {
    package var fields = FieldNames()
    /// Topic of customer events.
    package var inputTopic = "customer-events"
    /// Topic of predictions.
    package var outputTopic = "purchase-predictions"
    /// Topic of the feature rows that were scored, as 32-bit little-endian floats; none unless named.
    package var featuresTopic: String?
    /// Topic of predictions' labels as they become known; none unless named.
    package var outcomesTopic: String?
    /// Whether predictions are given their labels as later events arrive.
    package var isGrading = true
    /// For how long graded predictions count, days of event time.
    package var gradingWindowDays = 90
    /// Most predictions that a partition keeps for it.
    package var gradingLimit = 250_000
    /// Latest rows of a thread that are held against what the model learned from; 0 for none.
    package var driftRows = 2000
    /// Consumer group: workers of one group share the partitions.
    package var group = "future-cart"
    /// Directory of model artifacts.
    package var models = "models"
    /// Threads, each with a consumer of its own.
    package var threads = 1
    /// Most messages scored together.
    package var batchMessages = 1024
    /// Longest wait for a message, milliseconds.
    package var pollMilliseconds = 100
    /// What a crash may do to predictions.
    package enum Guarantee: String, CaseIterable, Sendable {
        /// Predictions, dead letters and input offsets are committed in one transaction.
        case exactlyOnce = "exactly_once"
        /// Offsets are committed after predictions are delivered: a crash repeats some.
        case atLeastOnce = "at_least_once"
    }

    package var guarantee = Guarantee.exactlyOnce
    /// Tells this process's transactional producers from those of others in the group; of the host and process unless set.
    package var instance: String?
    /// How long a customer's state outlives their last event.
    package var timeToLiveDays = CustomerTable.defaultTimeToLiveDays
    /// Where checkpoints of the customers' state are kept.
    package enum CheckpointKind: String, CaseIterable, Sendable {
        /// Files in `checkpointDirectory`.
        case directory
        /// The compacted topic `checkpointTopic`.
        case topic
        /// Nowhere: the log is read from its start.
        case none
    }

    package var checkpoints = CheckpointKind.directory
    package var checkpointDirectory = "checkpoints"
    /// Named after group and input unless set.
    package var checkpointTopic: String?
    /// Longest time that bringing a partition's state back may take, seconds.
    package var recoverySeconds = 30.0
    /// What is done when the log no longer reaches back to what the state lacks.
    package enum CutLogPolicy: String, CaseIterable, Sendable {
        case fail
        /// Goes on, with the partition's predictions marked.
        case `continue`
    }

    package var whenLogIsCut = CutLogPolicy.fail
    /// Topic for messages that are no customer event; none if `nil`.
    package var deadLetterTopic: String? = "customer-events-dead-letters"
    /// Largest share of such messages among `deadLetterWindow` of them; beyond it the worker stops.
    package var deadLetterMaxFraction = 0.5
    /// Messages over which the share is taken.
    package var deadLetterWindow = 1000
    /// What librdkafka's clients are set for where the configuration leaves a property open.
    package enum Profile: String, CaseIterable, Sendable {
        /// Between the two.
        case balanced
        /// Every message is fetched and sent at once, in many small requests.
        case latency
        /// Far ahead of what is worked on, in few large requests; up to a gigabyte of messages in memory a thread.
        case throughput

        var consumer: [String: String] {
            switch self {
            case .balanced: [:]
            case .latency: ["fetch.wait.max.ms": "5"]
            case .throughput: ["queued.min.messages": "1000000", "queued.max.messages.kbytes": "1048576"]
            }
        }

        var producer: [String: String] {
            switch self {
            case .balanced: ["linger.ms": "5"]
            case .latency: ["linger.ms": "0"]
            case .throughput: ["linger.ms": "20", "queue.buffering.max.messages": "1000000"]
            }
        }
    }

    package var profile = Profile.balanced
    /// Time between commits, milliseconds.
    package var commitIntervalMilliseconds = 1000
    /// Time to publish and commit what was processed when the worker stops, milliseconds.
    package var shutdownMilliseconds = 30_000
    /// Time to find Kafka and the topics at the start, milliseconds.
    package var startupMilliseconds = 10_000
    package var thresholds = PriorityThresholds()
    /// Features that each prediction names as what moved its score most; 0 for no explanations.
    package var explainedFeatures = 0
    /// librdkafka's properties for both clients, and for one of them over those.
    package var kafka: [String: String] = [:]
    package var kafkaConsumer: [String: String] = [:]
    package var kafkaProducer: [String: String] = [:]

    package init() {}

    /// Reads the settings and refuses what it does not know.
    package init(_ reader: ConfigurationReader) throws(ConfigurationError) {
        fields = FieldNames(reader.section("fields"))
        inputTopic = reader.string("input.topic", default: inputTopic)
        outputTopic = reader.string("output.topic", default: outputTopic)
        let features = reader.string("output.features_topic", default: "")
        featuresTopic = features.isEmpty ? nil : features
        let outcomes = reader.string("output.outcomes_topic", default: "")
        outcomesTopic = outcomes.isEmpty ? nil : outcomes
        isGrading = reader.bool("grading.enabled", default: isGrading)
        gradingWindowDays = reader.days("grading.window", default: gradingWindowDays, in: 1...3650)
        gradingLimit = reader.int("grading.max_predictions", default: gradingLimit, in: 1024...1_000_000_000)
        if outcomesTopic != nil, !isGrading {
            reader.refuse("output.outcomes_topic", "needs grading.enabled: true")
        }
        driftRows = reader.int("drift.rows", default: driftRows, in: 0...1_000_000)
        group = reader.string("group", default: group)
        models = reader.string("models", default: models)
        threads = reader.int("threads", default: threads, in: 1...256)
        batchMessages = reader.int("batch.max_messages", default: batchMessages, in: 1...100_000)
        pollMilliseconds = reader.duration("batch.max_wait", default: pollMilliseconds, in: 1...60_000)
        profile = reader.choice("profile", default: profile)
        guarantee = reader.choice("processing.guarantee", default: guarantee)
        let instance = reader.string("processing.instance", default: "")
        self.instance = instance.isEmpty ? nil : instance
        timeToLiveDays = reader.timeToLiveDays(default: timeToLiveDays)
        checkpoints = reader.choice("checkpoints.store", default: checkpoints)
        checkpointDirectory = reader.string("checkpoints.directory", default: checkpointDirectory)
        let checkpointTopic = reader.string("checkpoints.topic", default: "")
        self.checkpointTopic = checkpointTopic.isEmpty ? nil : checkpointTopic
        if checkpoints == .topic, guarantee == .atLeastOnce {
            reader.refuse(
                "checkpoints.store",
                "topic needs processing.guarantee: exactly_once, whose transactions keep a former owner from writing; "
                    + "use directory")
        }
        recoverySeconds = reader.double("recovery.max_seconds", default: recoverySeconds, in: 1...86_400)
        whenLogIsCut = reader.choice("recovery.when_log_is_cut", default: whenLogIsCut)
        let deadLetters = reader.string("dead_letters.topic", default: deadLetterTopic ?? "")
        deadLetterTopic = deadLetters.isEmpty ? nil : deadLetters
        deadLetterMaxFraction = reader.double("dead_letters.max_fraction", default: deadLetterMaxFraction, in: 0...1)
        deadLetterWindow = reader.int("dead_letters.window", default: deadLetterWindow, in: 1...10_000_000)
        commitIntervalMilliseconds = reader.duration(
            "commit.interval", default: commitIntervalMilliseconds, in: 1...600_000)
        shutdownMilliseconds = reader.duration("shutdown.deadline", default: shutdownMilliseconds, in: 100...3_600_000)
        startupMilliseconds = reader.duration("startup.deadline", default: startupMilliseconds, in: 100...3_600_000)
        let medium = reader.double("priority.medium", default: thresholds.medium, in: 0...1)
        // Read with its lower bound, so that high below medium is an error of configuration.
        let high = reader.double("priority.high", default: max(thresholds.high, medium), in: medium...1)
        thresholds = PriorityThresholds(high: max(high, medium), medium: medium)
        explainedFeatures = reader.int("explanations.top", default: explainedFeatures, in: 0...FeatureSchema.count)
        kafkaConsumer = Self.properties(reader, "kafka_consumer")
        kafkaProducer = Self.properties(reader, "kafka_producer")
        kafka = Self.properties(reader, "kafka")
        for (section, properties) in [("kafka", kafka), ("kafka_consumer", kafkaConsumer)] {
            for (name, instead) in [
                ("transactional.id", "set 'processing.instance' instead"),
                ("group.id", "set 'group' instead"), ("enable.auto.commit", "the worker commits itself"),
            ]
            where properties[name] != nil {
                reader.refuse("\(section).\(name)", "is not taken here: \(instead)")
            }
        }
        // Of this file's sections one is of the HTTP service alone, which few commands have.
        reader.leave("http")
        reader.leave("logs")
        try reader.finish()
    }

    /// The artifact that `models` or another path names, if features mean to it what they mean here.
    /// - Throws: `ArtifactError`, also if predictions are to be explained and its models cannot be; `WorkerError` when it was
    ///   trained under another time to live.
    package func artifact(at path: String? = nil) throws -> ModelArtifact {
        let artifact = try ModelArtifact(path: path ?? models)
        guard artifact.manifest.timeToLiveDays == timeToLiveDays else {
            throw WorkerError(
                "model \(artifact.manifest.version) was trained with state.time_to_live: "
                    + "\(artifact.manifest.timeToLiveDays)d and the configuration says \(timeToLiveDays)d: its features "
                    + "would mean something else; set the same, or train anew")
        }
        // Before anything is read from Kafka.
        if explainedFeatures > 0 { _ = try scorer(artifact) }
        return artifact
    }

    /// A scorer of the artifact whose predictions are what the settings say.
    /// - Throws: `ArtifactError` if they are to be explained and the artifact's models cannot be.
    package func scorer(_ artifact: ModelArtifact) throws -> Scorer {
        do {
            return try Scorer(artifact: artifact, thresholds: thresholds, explainedFeatures: explainedFeatures)
        } catch {
            throw ArtifactError(path: error.path, reason: "\(error.reason); set explanations.top: 0 to score by it")
        }
    }

    /// Speaks to these brokers and no others, with no property of the configuration's.
    package mutating func confine(to bootstrapServers: String) {
        kafka = ["bootstrap.servers": bootstrapServers]
        kafkaConsumer = [:]
        kafkaProducer = [:]
    }

    private static func properties(_ reader: ConfigurationReader, _ section: String) -> [String: String] {
        Dictionary(reader.properties(section).map { ($0.name, $0.value) }) { _, last in last }
    }

    private static let standard = ["bootstrap.servers": "localhost:9092", "client.id": "future-cart"]

    /// Properties of a client that neither consumes in the group nor publishes predictions.
    package var clientProperties: [String: String] { Self.standard.merging(kafka) { $1 } }

    /// Where a partition begins that has no committed offset, as the configuration says.
    var offsetReset: String {
        kafkaConsumer["auto.offset.reset"] ?? kafka["auto.offset.reset"] ?? "earliest"
    }

    /// Properties of a consumer in the worker's group.
    package var consumerProperties: [String: String] {
        Self.standard
            .merging([
                "partition.assignment.strategy": "cooperative-sticky",
                "enable.auto.offset.store": "false",
            ]) { $1 }
            .merging(profile.consumer) { $1 }
            .merging(kafka) { $1 }.merging(kafkaConsumer) { $1 }
            // The worker says where reading starts; a place that is not in the log is an error and never another place.
            .merging(["group.id": group, "enable.auto.commit": "false", "auto.offset.reset": "error"]) { $1 }
    }

    /// Properties of the consumer of one of the worker's threads. Static members are told apart by their threads: two of
    /// one name would throw each other out of the group.
    func consumerProperties(thread: Int) -> [String: String] {
        var properties = consumerProperties
        if threads > 1, let instance = properties["group.instance.id"] {
            properties["group.instance.id"] = "\(instance)-\(thread)"
        }
        return properties
    }

    /// The checkpoint store's topic, if there is one.
    var checkpointTopicName: String? {
        checkpoints == .topic ? checkpointTopic ?? "\(group)-\(inputTopic)-checkpoints" : nil
    }

    /// The store that the settings name.
    func checkpointStore() throws -> (any CheckpointStore)? {
        switch checkpoints {
        case .directory: try DirectoryCheckpoints(path: checkpointDirectory, group: group)
        case .topic:
            checkpointTopicName.map {
                TopicCheckpoints(topic: $0, properties: clientProperties.merging(kafkaConsumer) { $1 })
            }
        case .none: nil
        }
    }

    /// Topics that a worker needs.
    var topics: [String] {
        [inputTopic, outputTopic] + [featuresTopic, outcomesTopic, deadLetterTopic].compactMap { $0 }
    }

    /// The producer of one of the worker's threads.
    func producerProperties(thread: Int) -> [String: String] {
        guard guarantee == .exactlyOnce else { return producerProperties }
        let instance = instance ?? "\(ProcessInfo.processInfo.hostName)-\(ProcessInfo.processInfo.processIdentifier)"
        // A killed worker's transaction holds readers up until it times out.
        return ["transaction.timeout.ms": "20000"].merging(producerProperties) { $1 }
            .merging(["transactional.id": "\(group)-\(instance)-\(thread)"]) { $1 }
    }

    /// Properties of a producer without transactions.
    package var producerProperties: [String: String] {
        // Keys land where Kafka's own clients put them.
        Self.standard
            .merging([
                "enable.idempotence": "true", "partitioner": "murmur2_random",
                // What is delivered needs no report: a flush, or a transaction's commit, tells.
                "delivery.report.only.error": "true",
            ]) { $1 }
            .merging(profile.producer) { $1 }
            .merging(kafka) { $1 }.merging(kafkaProducer) { $1 }
    }
}

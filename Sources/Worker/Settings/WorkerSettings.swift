import Customers
import Events
import Monitoring
import Pipeline
import SchemaRegistry
import Scoring

/// Everything that `config/worker.yaml` may say, except for the sections `http` and `logs`.
package struct WorkerSettings: Sendable {
    // MARK: Topics

    /// What the input's messages call the fields of an event.
    package var events = EventFormat()
    /// Topic of customer events.
    package var inputTopic = "customer-events"
    /// What is done when the input is compacted.
    package var whenCompacted = CompactedInputPolicy.fail
    /// Topic of predictions.
    package var outputTopic = "purchase-predictions"
    /// What predictions and outcomes are written in.
    package var outputFormat = OutputFormat.json
    /// The registry that Avro's schemas are registered at.
    package var registry = RegistrySettings()
    /// Topic of challengers' predictions; none unless named.
    package var challengersTopic: String?
    /// Topic of the feature rows that were scored, as 32-bit little-endian floats; none unless named.
    package var featuresTopic: String?
    /// Topic of predictions' labels as they become known; none unless named.
    package var outcomesTopic: String?
    /// Topic for messages that are no customer event; none if `nil`.
    package var deadLetterTopic: String? = "customer-events-dead-letters"
    /// Largest share of such messages among `deadLetterWindow` of them; beyond it the worker stops.
    package var deadLetterMaxFraction = 0.5
    /// Messages over which the share is taken.
    package var deadLetterWindow = 1000

    /// What is done about a record that its topic's broker refuses for good.
    package var whenRefused = RefusalPolicy.stop

    // MARK: Scoring

    /// Directory of model artifacts.
    package var models = "models"
    /// How often that directory is looked at for another model to serve, milliseconds; 0 for only when asked.
    package var reloadMilliseconds = 5000
    /// Who promotes a canary or challenger.
    package var promotion = Promotion.manual
    /// Largest population stability index of the scores of a model that was promoted by rule, beside those of its training.
    package var maxScoreDrift = 0.5
    /// When customers are scored without an event of theirs, milliseconds of event time; 0 for never.
    package var rescoringMilliseconds = 0
    /// Probabilities from which on a prediction's priority is medium and high.
    package var thresholds = PriorityThresholds()
    /// Features that each prediction names as what moved its score most; 0 for no explanations.
    package var explainedFeatures = 0
    /// Whether predictions are joined with their labels as later events arrive.
    package var isGrading = true
    /// For how long labeled predictions count, days of event time.
    package var gradingWindowDays = 90
    /// Most predictions that a partition keeps for that.
    package var gradingLimit = 250_000
    /// Latest rows of a thread that are compared with what the model learned from; 0 for none.
    package var driftRows = 2000
    /// Latest rows of a thread that another model is tried on before it is served; 0 for none.
    package var comparedRows = 2000
    /// Share of a core that auditing features may take; 0 for none.
    package var auditShare = 0.01
    /// How much another model may change and still be served by itself.
    package var blastRadiusLimits = BlastRadiusLimits()

    // MARK: Work

    /// Consumer group: workers of one group share the partitions.
    package var group = "future-cart"
    /// Threads, each with a consumer of its own.
    package var threads = 1
    /// Most messages scored together.
    package var batchMessages = 1024
    /// Longest wait for a message, milliseconds.
    package var pollMilliseconds = 100
    /// What a crash may do to predictions.
    package var guarantee = Guarantee.exactlyOnce
    /// Tells this process's transactional producers from those of others in the group; of the host and process unless set.
    package var instance: String?
    /// Time between commits, milliseconds.
    package var commitIntervalMilliseconds = 1000
    /// Time to publish and commit what was processed when the worker stops, milliseconds.
    package var shutdownMilliseconds = 30_000
    /// Time to find Kafka and the topics at the start, milliseconds.
    package var startupMilliseconds = 10_000

    // MARK: State and recovery

    /// How long a customer's state outlives their last event, days.
    package var timeToLiveDays = CustomerTable.defaultTimeToLiveDays
    /// Where checkpoints of the customers' state are kept.
    package var checkpoints = CheckpointKind.directory
    /// Where checkpoint files are kept.
    package var checkpointDirectory = "checkpoints"
    /// Where checkpoint records are kept; named after group and input unless set.
    package var checkpointTopic: String?
    /// Longest time that restoring a partition's state may take, seconds.
    package var recoverySeconds = 30.0
    /// What is done when the input is compacted, so that Kafka keeps only the last message of each key.
    package enum CompactedInputPolicy: String, CaseIterable, Sendable {
        /// The worker stops and says so.
        case fail
        /// The worker goes on, for keys of which each has one message.
        case `continue`
    }

    /// What is done when the log no longer reaches back to what the state lacks.
    package var whenLogIsCut = CutLogPolicy.fail
    /// Who promotes a canary or challenger.
    package enum Promotion: String, CaseIterable, Sendable {
        /// People do.
        case manual
        /// The worker does, once it is ahead.
        case whenBetter = "when_better"
    }

    /// What is done when the group's committed offset is gone or outside the log.
    package var whenOffsetsAreGone = LostOffsetPolicy.checkpoint

    // MARK: Kafka's clients

    /// Longest time that Kafka may be away before the worker ends, milliseconds; 0 for ever.
    package var maxOutageMilliseconds = 0

    /// What librdkafka's clients are set for where the configuration leaves a property open.
    package var profile = Profile.balanced
    /// librdkafka's properties for both clients.
    package var kafka: [String: String] = [:]
    /// librdkafka's properties for consumers, over those for both.
    package var kafkaConsumer: [String: String] = [:]
    /// librdkafka's properties for producers, over those for both.
    package var kafkaProducer: [String: String] = [:]

    /// The standard settings.
    package init() {}

    /// Speaks to these brokers and no others, with no property of the configuration's.
    package mutating func confine(to bootstrapServers: String) {
        kafka = ["bootstrap.servers": bootstrapServers]
        kafkaConsumer = [:]
        kafkaProducer = [:]
    }

    /// The schedule of partitions that have just begun; `nil` where customers are scored for their events alone.
    package var rescoring: RescoringSchedule? {
        rescoringMilliseconds > 0 ? RescoringSchedule(period: Int64(rescoringMilliseconds)) : nil
    }

    /// The checkpoint store's topic, if there is one.
    var checkpointTopicName: String? {
        checkpoints == .topic ? checkpointTopic ?? "\(group)-\(inputTopic)-checkpoints" : nil
    }

    /// Topics that must exist.
    var topics: [String] {
        [inputTopic, outputTopic] + [challengersTopic, featuresTopic, outcomesTopic, deadLetterTopic].compactMap { $0 }
    }

    /// Topics that the worker writes to.
    var writtenTopics: [String] {
        topics.dropFirst() + [checkpointTopicName].compactMap { $0 }
    }
}

extension WorkerSettings {
    /// What a crash may do to predictions.
    package enum Guarantee: String, CaseIterable, Sendable {
        /// Predictions, dead letters and input offsets are committed in one transaction.
        case exactlyOnce = "exactly_once"
        /// Offsets are committed after predictions are delivered: a crash repeats some.
        case atLeastOnce = "at_least_once"
    }

    /// Where checkpoints are kept.
    package enum CheckpointKind: String, CaseIterable, Sendable {
        /// Files in `checkpointDirectory`.
        case directory
        /// The compacted topic `checkpointTopic`.
        case topic
        /// Nowhere: the log is read from its start.
        case none
    }

    /// What is done when the group's committed offset is gone or outside the log.
    package enum LostOffsetPolicy: String, CaseIterable, Sendable {
        /// Publishing goes on where the newest checkpoint ends.
        case checkpoint
        /// The worker stops and says what there is.
        case fail
        /// Publishing begins where `auto.offset.reset` says, as for a new group: all of it is published again.
        case reset
    }

    /// What is done when the log no longer reaches back to what the state lacks.
    package enum CutLogPolicy: String, CaseIterable, Sendable {
        /// The worker stops and says what is missing.
        case fail
        /// The worker goes on, with the partition's predictions marked.
        case `continue`
    }

    /// What is done about a prediction or outcome that is refused for good.
    package enum RefusalPolicy: String, CaseIterable, Sendable {
        /// The worker stops and says which one, and why.
        case stop
        /// The message that it is of becomes a dead letter; an outcome is left out.
        case deadLetter = "dead_letter"
    }

    /// What the worker's own messages are written in.
    package enum OutputFormat: String, CaseIterable, Sendable {
        /// JSON text.
        case json
        /// Avro, framed with the number of its schema in the registry.
        case avro
    }

    /// What librdkafka's clients are set for.
    package enum Profile: String, CaseIterable, Sendable {
        /// Between the two.
        case balanced
        /// Every message is fetched and sent at once, in many small requests.
        case latency
        /// Far ahead of what is worked on, in few large requests; up to a gigabyte of messages in memory a thread.
        case throughput
    }
}

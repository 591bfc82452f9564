import Console
import Customers
import Events
import Features
import Foundation
import SchemaRegistry
import Scoring
import Settings

extension WorkerSettings {
    /// Reads the settings and refuses what it does not know.
    package init(_ reader: ConfigurationReader) throws(ConfigurationError) {
        registry = RegistrySettings(reader)
        events = EventFormat(reader, registry: registry)
        inputTopic = reader.string("input.topic", default: inputTopic)
        whenCompacted = reader.choice("input.when_compacted", default: whenCompacted)
        outputTopic = reader.string("output.topic", default: outputTopic)
        outputFormat = reader.choice("output.format", default: outputFormat)
        if outputFormat == .avro, registry.urls.isEmpty {
            reader.refuse("output.format", "is avro: schema_registry.url must say where its schemas are registered")
        }
        whenRefused = reader.choice("output.when_refused", default: whenRefused)
        let challengers = reader.string("output.challengers_topic", default: "")
        challengersTopic = challengers.isEmpty ? nil : challengers
        let features = reader.string("output.features_topic", default: "")
        featuresTopic = features.isEmpty ? nil : features
        let outcomes = reader.string("output.outcomes_topic", default: "")
        outcomesTopic = outcomes.isEmpty ? nil : outcomes
        isGrading = reader.bool("grading.enabled", default: isGrading)
        gradingWindowDays = reader.days("grading.window", default: gradingWindowDays, in: 1...3650)
        gradingLimit = reader.int("grading.max_predictions", default: gradingLimit, in: 1024...1_000_000_000)
        driftRows = reader.int("drift.rows", default: driftRows, in: 0...1_000_000)
        auditShare = reader.double("audit.share", default: auditShare, in: 0...1)
        readBlastRadius(reader)
        group = reader.string("group", default: group)
        models = reader.string("models", default: models)
        reloadMilliseconds = reader.duration("reload.every", default: reloadMilliseconds, in: 0...3_600_000)
        promotion = reader.choice("promotion.rule", default: promotion)
        maxScoreDrift = reader.double("promotion.max_score_drift", default: maxScoreDrift, in: 0...100)
        rescoringMilliseconds = reader.duration("rescoring.every", default: rescoringMilliseconds)
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
        recoverySeconds = reader.double("recovery.max_seconds", default: recoverySeconds, in: 1...86_400)
        whenLogIsCut = reader.choice("recovery.when_log_is_cut", default: whenLogIsCut)
        whenOffsetsAreGone = reader.choice("recovery.when_offsets_are_gone", default: whenOffsetsAreGone)
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
        maxOutageMilliseconds = reader.duration("kafka.max_outage", default: maxOutageMilliseconds)
        kafka = Self.properties(reader, "kafka").filter { $0.key != "max_outage" }
        refuseCombinations(reader)
        // Of this file's sections one is of the HTTP service alone, which few commands have.
        reader.leave("http")
        reader.leave("logs")
        try reader.finish()
    }

    /// Refuses values that do not fit each other, and properties that are the worker's own.
    private func refuseCombinations(_ reader: ConfigurationReader) {
        if outcomesTopic != nil, !isGrading {
            reader.refuse("output.outcomes_topic", "needs grading.enabled: true")
        }
        if rescoringMilliseconds > 0, !(3_600_000...2_678_400_000).contains(rescoringMilliseconds) {
            reader.refuse("rescoring.every", "is 0s for never, or from 1h to 31d")
        }
        if promotion == .whenBetter, !isGrading {
            reader.refuse("promotion.rule", "is when_better: needs grading.enabled: true")
        }
        if whenRefused == .deadLetter, deadLetterTopic == nil {
            reader.refuse("output.when_refused", "is dead_letter: dead_letters.topic must name a topic")
        }
        if checkpoints == .topic, guarantee == .atLeastOnce {
            reader.refuse(
                "checkpoints.store",
                "topic needs processing.guarantee: exactly_once, whose transactions keep a former owner from writing; "
                    + "use directory")
        }
        for (section, properties) in [("kafka", kafka), ("kafka_consumer", kafkaConsumer)] {
            for (name, instead) in [
                ("transactional.id", "set 'processing.instance' instead"),
                ("group.id", "set 'group' instead"), ("enable.auto.commit", "the worker commits itself"),
            ]
            where properties[name] != nil {
                reader.refuse("\(section).\(name)", "is not taken here: \(instead)")
            }
        }
        if guarantee == .exactlyOnce, let timeout = kafkaProperties.transactionTimeoutMilliseconds,
            commitIntervalMilliseconds > timeout / 2
        {
            reader.refuse(
                "commit.interval",
                "may be half of Kafka's transaction.timeout.ms (\(timeout)) at most, or the broker aborts every transaction "
                    + "before it is committed: shorten it, or set kafka_producer.transaction.timeout.ms")
        }
    }

    private mutating func readBlastRadius(_ reader: ConfigurationReader) {
        comparedRows = reader.int("blast_radius.rows", default: comparedRows, in: 0...100_000)
        blastRadiusLimits.stabilityIndex = reader.double(
            "blast_radius.max_score_shift", default: blastRadiusLimits.stabilityIndex, in: 0...100)
        blastRadiusLimits.flippedShare = reader.double(
            "blast_radius.max_flips", default: blastRadiusLimits.flippedShare, in: 0...1)
        blastRadiusLimits.volumeChange = reader.double(
            "blast_radius.max_volume_change", default: blastRadiusLimits.volumeChange, in: 0...1000)
    }

    private static func properties(_ reader: ConfigurationReader, _ section: String) -> [String: String] {
        Dictionary(reader.properties(section).map { ($0.name, $0.value) }) { _, last in last }
    }
}

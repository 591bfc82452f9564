import Kafka

/// Checks before work begins that Kafka answers and the topics exist.
struct TopicCheck {
    let settings: WorkerSettings
    let admin: Admin

    /// - Throws: `KafkaError` naming a property of the configuration that librdkafka refuses.
    init(settings: WorkerSettings) throws(KafkaError) {
        self.settings = settings
        admin = try Admin(properties: settings.kafkaProperties.client)
    }

    /// - Throws: `WorkerError` when Kafka does not answer in time or a topic is not there.
    func require(_ topics: [String]) throws {
        let servers = settings.kafkaProperties.client["bootstrap.servers"] ?? ""
        for topic in topics {
            let partitions: Int?
            do {
                partitions = try admin.partitionCount(of: topic, timeoutMilliseconds: settings.startupMilliseconds)
            } catch {
                throw WorkerError(Self.reason(error, topic: topic, servers: servers))
            }
            guard partitions != nil else {
                throw WorkerError(
                    "topic \(topic) does not exist on \(servers): create it, or name another in the configuration")
            }
        }
    }

    /// Why a topic could not be looked at, and what to do.
    private static func reason(_ error: KafkaError, topic: String, servers: String) -> String {
        if error.isForbidden {
            return "Kafka does not let this worker see topic \(topic): give its user the rights that the README lists"
        }
        if let problem = error.problem { return "no connection to Kafka at \(servers): \(problem)" }
        return
            "no answer from Kafka at \(servers) about topic \(topic): \(error.reason); check kafka.bootstrap.servers, and that "
            + "nothing between here and there drops connections"
    }

    /// - Throws: `WorkerError` when there is no such topic any more.
    func partitionCount(of topic: String) throws -> Int {
        guard
            let count = try admin.partitionCount(of: topic, timeoutMilliseconds: settings.startupMilliseconds)
        else { throw WorkerError("topic \(topic) has gone") }
        return count
    }

    /// Refuses a compacted input unless told otherwise: Kafka keeps the last message of each key there, and a state needs all of a customer's.
    /// - Throws: `WorkerError` for a topic that is compacted. A broker that does not say is believed to have a log.
    func requireLog(_ topic: String) throws {
        guard settings.whenCompacted == .fail,
            let policy = try? admin.property(
                "cleanup.policy", ofTopic: topic, timeoutMilliseconds: min(settings.startupMilliseconds, 5000)),
            policy.contains("compact")
        else { return }
        throw WorkerError(
            "topic \(topic) is compacted (cleanup.policy=\(policy)): Kafka drops all but the last message of a key, and with "
                + "them most of what customers did; read the events from a topic with cleanup.policy=delete, or set "
                + "input.when_compacted: continue where no two messages have the same key")
    }

    /// Makes the checkpoint topic where there is none: compacted, with as many partitions as the input.
    /// - Throws: `WorkerError` when it cannot be made or has another number of partitions.
    func provide(_ topic: String) throws {
        let wanted = try partitionCount(of: settings.inputTopic)
        if let found = try admin.partitionCount(of: topic, timeoutMilliseconds: settings.startupMilliseconds) {
            guard found == wanted else {
                throw WorkerError(
                    "checkpoint topic \(topic) has \(found) partitions and \(settings.inputTopic) \(wanted): give it as many, "
                        + "or name another under checkpoints.topic")
            }
            return
        }
        do {
            try admin.createTopic(topic, partitions: wanted, configuration: ["cleanup.policy": "compact"])
        } catch {
            throw WorkerError(
                "checkpoint topic \(topic) does not exist and cannot be made (\(error.reason)): create it with \(wanted) "
                    + "partitions and cleanup.policy=compact")
        }
    }
}

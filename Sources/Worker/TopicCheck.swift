import Kafka

/// Finds Kafka and the topics before work begins, so that what is missing is said at once and in words.
struct TopicCheck {
    let settings: WorkerSettings

    /// - Throws: `WorkerError` when Kafka does not answer in time or a topic is not there.
    func require(_ topics: [String]) throws {
        let servers = settings.clientProperties["bootstrap.servers"] ?? ""
        let admin = try Admin(properties: settings.clientProperties)
        defer { admin.close() }
        for topic in topics {
            let partitions: Int?
            do {
                partitions = try admin.partitionCount(of: topic, timeoutMilliseconds: settings.startupMilliseconds)
            } catch {
                throw WorkerError(
                    "no answer from Kafka at \(servers): \(error.reason); check kafka: bootstrap.servers in the configuration"
                )
            }
            guard partitions != nil else {
                throw WorkerError(
                    "topic \(topic) does not exist on \(servers): create it, or name another in the configuration")
            }
        }
    }
}

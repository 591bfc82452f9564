import Foundation
import LocalCluster
import Worker

/// A broker of a benchmark's own, in a directory of its own.
final class BenchmarkBroker {
    private let broker: LocalBroker
    private let directory: String

    init(command: String) throws {
        directory = NSTemporaryDirectory() + "/benchmark-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        broker = try LocalBroker(command: command, directory: directory)
    }

    /// The settings of a worker that speaks to this broker alone and writes nothing but predictions.
    func settings(_ settings: WorkerSettings) -> WorkerSettings {
        var settings = settings
        settings.confine(to: broker.bootstrapServers)
        settings.checkpoints = .none
        settings.deadLetterTopic = nil
        return settings
    }

    func create(_ topics: [String], partitions: Int) throws { try broker.create(topics, partitions: partitions) }

    /// What has been measured is of no more use and takes the broker's memory. One that deletes nothing does no harm.
    func delete(_ topic: String) { try? broker.delete(topic) }

    func close() {
        broker.stop()
        try? FileManager.default.removeItem(atPath: directory)
    }
}

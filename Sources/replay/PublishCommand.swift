import ArgumentParser
import Console
import Events
import Kafka
import Worker

struct PublishCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish", abstract: "Puts a history on a topic, keyed by customer.")

    /// How fast to publish: a multiple of the events' own pace, or as fast as Kafka accepts.
    enum Speed: ExpressibleByArgument, Equatable {
        case factor(Double)
        case max

        init?(argument: String) {
            if argument == "max" {
                self = .max
            } else if let factor = Double(argument), factor > 0, factor.isFinite {
                self = .factor(factor)
            } else {
                return nil
            }
        }

        var defaultValueDescription: String { "max" }
    }

    /// A time given on the command line, in ISO 8601.
    struct Instant: ExpressibleByArgument {
        let milliseconds: Int64

        init?(argument: String) {
            guard let milliseconds = EventTime.parse(argument) else { return nil }
            self.milliseconds = milliseconds
        }
    }

    @Option(help: "History of events: CSV or NDJSON, plain or gzip; - is standard input.")
    var history: String

    @Option(help: "Topic to publish to.")
    var topic: String

    @Option(help: "Kafka's bootstrap servers.")
    var brokers: String?

    @Option(help: "1 for the pace of the events themselves, 60 for sixty times that, max for as fast as it goes.")
    var speed = Speed.max

    @Option(help: "First event time to publish, ISO 8601.")
    var from: Instant?

    @Option(help: "Event time to stop before, ISO 8601.")
    var until: Instant?

    @OptionGroup var configuration: ConfigurationOptions

    func run() throws {
        try reportingFailures {
            var settings = try WorkerSettings(configuration.reader(for: .worker))
            if let brokers {
                settings.kafka["bootstrap.servers"] = brokers
                settings.kafkaProducer["bootstrap.servers"] = nil
            }
            guard settings.events.codec == .json, settings.events.framing == .none else {
                throw ValidationError(
                    "a history is published as JSON, and events.codec or events.framing says that the topic holds "
                        + "other messages: publish it with the shop's own producer, or name another configuration")
            }
            let reader = try HistoryReader(path: history, format: settings.events)
            let publisher = try EventPublisher(settings: settings, topic: topic)
            defer { publisher.close() }
            let progress = Progress()
            var pace = speed.factor.map { Pace(factor: $0) }
            let decoder = EventDecoder(format: settings.events)
            var event: (time: Int64, customerID: [UInt8])?
            while let message = try reader.nextMessage() {
                // The first of the message's events says when it was and whose it is.
                event = nil
                do throws(EventError) {
                    try decoder.decode(message) { if event == nil { event = ($0.time, Array($0.customerID)) } }
                } catch {
                    throw HistoryError(path: reader.path, line: reader.line, reason: error.description)
                }
                if let event {
                    if let until, event.time >= until.milliseconds { continue }
                    if let from, event.time < from.milliseconds { continue }
                    pace?.wait(for: event.time) { publisher.serve() }
                }
                try publisher.publish(message, key: event?.customerID ?? [])
                if publisher.published % 1024 == 0 || pace != nil {
                    progress.show("publishing", detail: "\(publisher.published) events", share: reader.share)
                }
            }
            try publisher.flush()
            progress.finish()
            let rate = Int(Double(publisher.published) / progress.elapsedSeconds)
            printInfo("\(publisher.published) events published to \(topic), \(rate) events/s")
        }
    }
}

extension PublishCommand.Speed {
    var factor: Double? { if case .factor(let factor) = self { factor } else { nil } }
}

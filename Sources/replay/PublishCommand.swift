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
            let reader = try HistoryReader(path: history, names: settings.fields)
            let publisher = try EventPublisher(settings: settings, topic: topic)
            defer { publisher.close() }
            let progress = Progress()
            var pace = speed.factor.map { Pace(factor: $0) }
            while let (fields, event) = try next(reader) {
                if let until, event.time >= until.milliseconds { continue }
                if let from, event.time < from.milliseconds { continue }
                pace?.wait(for: event.time) { publisher.serve() }
                try publisher.publish(fields, key: event.customerID)
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

    /// The next event with its unparsed fields.
    ///
    /// - Throws: `HistoryError` with the line if the fields are not an event.
    private func next(_ reader: HistoryReader) throws(HistoryError) -> (EventFields, CustomerEvent)? {
        guard let fields = try reader.nextFields() else { return nil }
        do {
            return (fields, try CustomerEvent(fields, names: reader.names))
        } catch {
            throw HistoryError(path: reader.path, line: reader.line, reason: error.description)
        }
    }
}

extension PublishCommand.Speed {
    var factor: Double? { if case .factor(let factor) = self { factor } else { nil } }
}

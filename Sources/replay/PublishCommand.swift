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

    @Option(
        help:
            "History of events: CSV or NDJSON, plain, gzip or Zstandard; - is standard input. It is read through before anything is published."
    )
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

    @Option(help: "Pass over so many of these events first: as many as an earlier run has put on the topic.")
    var skip = 0

    @OptionGroup var configuration: ConfigurationOptions

    func validate() throws {
        guard skip >= 0 else { throw ValidationError("--skip must be 0 or more, found \(skip)") }
    }

    func run() throws {
        let stop = StopRequest()
        try reportingFailures(stoppingBy: stop) {
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
            // It is read twice: nothing is published of a history that has an error further on.
            let input = history == "-" ? try SpooledFile.standardInput() : nil
            let path = input?.path ?? history
            let progress = Progress()
            var total = 0
            try forEachMessage(of: path, settings.events) { _, _, share in
                total += 1
                if total % 8192 == 0 { progress.show("checking", detail: "\(total) events", share: share) }
                return !stop.isMade
            }
            guard !stop.isMade else { throw ExitCode(Self.interrupted) }
            guard skip <= total else {
                throw ValidationError("--skip \(skip) is more than the \(total) events that there are")
            }
            let publisher = try EventPublisher(settings: settings, topic: topic)
            defer { publisher.close() }
            do {
                try publish(path, settings.events, by: publisher, stop, progress)
                try publisher.flush()
            } catch {
                // What is under way may still arrive.
                try? publisher.flush()
                let place = skip + publisher.published
                printError(
                    publisher.delivered == publisher.published
                        ? "\(place) of \(total) events are on \(topic): go on with --skip \(place)"
                        : "\(skip + publisher.delivered) of the first \(place) of \(total) events are on \(topic), and it is not "
                            + "known which: to have each once, publish all of them to a new topic")
                throw error
            }
            progress.finish()
            let place = skip + publisher.published
            if stop.isMade, place < total {
                printError("stopped: \(place) of \(total) events are on \(topic): go on with --skip \(place)")
                throw ExitCode(Self.interrupted)
            }
            let rate = Int(Double(publisher.published) / progress.elapsedSeconds)
            printInfo("\(publisher.published) events published to \(topic), \(rate) events/s")
        }
    }

    /// As shells have it for SIGINT.
    private static let interrupted: Int32 = 130

    private func publish(
        _ path: String, _ format: EventFormat, by publisher: EventPublisher, _ stop: StopRequest, _ progress: Progress
    ) throws {
        var pace = speed.factor.map { Pace(factor: $0) }
        var passed = 0
        try forEachMessage(of: path, format) { message, event, share in
            passed += 1
            if passed <= skip { return true }
            if let event {
                pace?.wait(for: event.time) {
                    publisher.serve()
                    return !stop.isMade
                }
            }
            if stop.isMade { return false }
            try publisher.publish(message, key: event?.customerID ?? [])
            if publisher.published % 1024 == 0 || pace != nil {
                progress.show("publishing", detail: "\(publisher.published) events", share: share)
            }
            return true
        }
    }

    /// Reads the messages that are wanted, each with the time and customer of its first event, until the body returns false.
    /// - Throws: `HistoryError` naming the line of a message that is none; what the body throws.
    private func forEachMessage(
        of path: String, _ format: EventFormat,
        _ body: (UnsafeRawBufferPointer, (time: Int64, customerID: [UInt8])?, Double?) throws -> Bool
    ) throws {
        let reader = try HistoryReader(path: path, format: format)
        let decoder = EventDecoder(format: format)
        var event: (time: Int64, customerID: [UInt8])?
        while let message = try reader.nextMessage() {
            event = nil
            do throws(EventError) {
                try decoder.decode(message) { if event == nil { event = ($0.time, Array($0.customerID)) } }
            } catch {
                throw HistoryError(path: history, line: reader.line, reason: error.description)
            }
            if let event {
                if let until, event.time >= until.milliseconds { continue }
                if let from, event.time < from.milliseconds { continue }
            }
            guard try body(message, event, reader.share) else { return }
        }
    }
}

extension PublishCommand.Speed {
    var factor: Double? { if case .factor(let factor) = self { factor } else { nil } }
}

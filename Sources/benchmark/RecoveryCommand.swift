import ArgumentParser
import Console
import Customers
import Events
import Foundation
import Worker

struct RecoveryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recovery",
        abstract: "How fast a partition's state comes back: reading a checkpoint, and taking in the log from there.")

    @Option(help: "Customers in the checkpoint.")
    var customers = 1_000_000

    @Option(help: "Events of each customer.")
    var eventsEach = 5

    @Option(help: "History whose messages are taken in. Without one a shop is made up.")
    var history: String?

    @Option(help: "Directory for the checkpoint.")
    var directory = NSTemporaryDirectory()

    @OptionGroup var measurement: MeasurementOptions

    func run() throws {
        try reportingFailures {
            let progress = Progress()
            progress.show("making messages")
            let messages = try Messages(history: history)
            var figures = try takingIn(messages, progress)
            figures += try checkpoint(progress)
            progress.finish()
            try figures.write(asJSON: measurement.json)
        }
    }

    /// Measures what catching up does with each message, without fetching.
    private func takingIn(_ messages: Messages, _ progress: Console.Progress) throws -> [Figure] {
        let decoder = EventDecoder()
        var (scan, decode, update) = ([Double](), [Double](), [Double]())
        let count = Double(messages.ends.count)
        for _ in 0..<measurement.repetitions {
            progress.show("taking in \(messages.ends.count) messages")
            var sum: UInt64 = 0
            scan.append(seconds { messages.each { sum ^= contentHash($0) } } * 1e9 / count)
            var scored = 0
            decode.append(
                try seconds { try messages.each { if try !decoder.event(in: $0).isAnonymous { scored += 1 } } } * 1e9
                    / count)
            var table = CustomerTable()
            update.append(
                try seconds {
                    try messages.each { message in
                        let event = try decoder.event(in: message)
                        if !event.isAnonymous { table.update(event) }
                    }
                } * 1e9 / count)
            precondition(sum != 1 && scored > 0)
        }
        let hash = Figure("reading each message's bytes once (XXH64)", unit: "ns/message", scan)
        return [
            hash,
            Figure("decoding", unit: "ns/message", decode).relative(to: hash),
            Figure("catching up: decoding and state", unit: "ns/message", update).relative(to: hash),
            Figure("catching up, rate on one core", unit: "messages/s", update.map { 1e9 / $0 }),
        ]
    }

    private func checkpoint(_ progress: Console.Progress) throws -> [Figure] {
        let checkpoints = try CheckpointRun(directory: "\(directory)/benchmark-\(getpid())")
        defer { checkpoints.remove() }
        var table = CustomerTable()
        let decoder = EventDecoder()
        var random = SplitMix64(seed: 1)
        var fields = SampleFields()
        for round in 0..<eventsEach {
            for customer in 0..<customers {
                if customer % 65_536 == 0 {
                    progress.show(
                        "making customers", share: Double(round * customers + customer) / Double(customers * eventsEach)
                    )
                }
                try fields.message(customer: customer, round: round, random: random.next()).withUnsafeBytes {
                    _ = table.update(try decoder.event(in: $0))
                }
            }
        }
        var (writing, slice, reading, copying) = ([Double](), [Double](), [Double](), [Double]())
        var bytes = 0
        for _ in 0..<measurement.repetitions {
            progress.show("writing and reading checkpoints")
            var longest = 0.0
            writing.append(
                try seconds {
                    try checkpoints.write(&table) { longest = max(longest, $0) }
                })
            slice.append(longest * 1000)
            var content = Data()
            copying.append(try seconds { content = try checkpoints.newestFile() })
            bytes = content.count
            content = Data()
            var restored = 0
            reading.append(try seconds { restored = try checkpoints.restore().count })
            precondition(restored == table.count)
        }
        let copy = Figure("reading the file's bytes alone", unit: "s", copying)
        return [
            copy,
            Figure("restoring \(table.count) customers", unit: "s", reading).relative(to: copy),
            Figure("writing their checkpoint", unit: "s", writing),
            Figure("longest slice that the stream waits for", unit: "ms", slice),
            Figure("checkpoint size", unit: "bytes/customer", [Double(bytes) / Double(table.count)]),
            Figure(
                "memory", unit: "bytes/customer", [Double(table.estimatedMemory.bytes) / Double(table.count)]),
        ]
    }
}

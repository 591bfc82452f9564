import ArgumentParser
import Console
import Customers
import Ensemble
import Events
import Features
import Foundation

struct ScaleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale",
        abstract:
            "What an event costs, state and features, and what a customer takes, with ever more customers; the events are of "
            + "customers at random, which is the worst for caches.")

    @Option(help: "Customers.")
    var customers: [Int] = [10_000, 100_000, 1_000_000]

    @Option(help: "Events of each customer before the measurement.")
    var eventsEach = 5

    @Option(help: "Events of each measurement.")
    var events = 200_000

    @Option(help: "History, to see how much memory its customers take, from the least to the most.")
    var history: String?

    @Option(help: "Directory of model artifacts.")
    var models = "models"

    @OptionGroup var measurement: MeasurementOptions

    /// Events that are processed together, as in a batch of a poll.
    private static let batch = 1024

    func run() throws {
        try reportingFailures {
            let progress = Progress()
            let extractor = try ModelArtifact(path: models).makeExtractor()
            var figures: [Figure] = []
            var base: Figure?
            for count in customers.sorted() {
                let (cost, memory) = try measure(count, extractor, progress)
                figures += [base.map { cost.relative(to: $0) } ?? cost, memory]
                base = base ?? cost
            }
            if let history {
                progress.show("taking in the history")
                figures += try distribution(history)
            }
            progress.finish()
            try figures.write(asJSON: measurement.json)
        }
    }

    /// Measures the memory of the customers at the end of a history.
    private func distribution(_ history: String) throws -> [Figure] {
        let reader = try HistoryReader(path: history)
        var table = CustomerTable()
        while let event = try reader.next() {
            if !event.isAnonymous { table.update(event) }
        }
        let bytes = table.states.map { Double($0.memoryBytes) }.sorted()
        return [("median", 0.5), ("90 in 100 below", 0.9), ("99 in 100 below", 0.99), ("most", 1)].map { name, share in
            let place = min(bytes.count - 1, Int(Double(bytes.count) * share))
            return Figure("history of \(bytes.count) customers: memory, \(name)", unit: "bytes", [bytes[place]])
        }
    }

    private func measure(_ count: Int, _ extractor: FeatureExtractor, _ progress: Console.Progress) throws
        -> (cost: Figure, memory: Figure)
    {
        var table = CustomerTable()
        let decoder = EventDecoder()
        var random = SplitMix64(seed: 1)
        var fields = SampleFields()
        for round in 0..<eventsEach {
            for customer in 0..<count {
                if customer % 65_536 == 0 {
                    progress.show(
                        "\(count) customers", share: Double(round * count + customer) / Double(count * eventsEach))
                }
                try fields.message(customer: customer, round: round, random: random.next()).withUnsafeBytes {
                    _ = table.update(try decoder.event(in: $0))
                }
            }
        }
        let memory = Figure(
            "\(count) customers: memory", unit: "bytes/customer",
            [Double(table.estimatedMemory.bytes) / Double(count)])

        var costs: [Double] = []
        var matrix = FeatureMatrix(reservingRows: Self.batch)
        for repetition in 0..<measurement.repetitions {
            progress.show("\(count) customers: measuring")
            var bytes: [UInt8] = []
            var ends: [Int] = []
            for _ in 0..<events {
                let customer = Int(random.next() % UInt64(count))
                bytes += fields.message(customer: customer, round: eventsEach + repetition, random: random.next())
                ends.append(bytes.count)
            }
            var spent = 0.0
            try bytes.withUnsafeBytes { bytes in
                var start = 0
                for first in stride(from: 0, to: events, by: Self.batch) {
                    var batch: [CustomerEvent] = []
                    for end in ends[first..<min(first + Self.batch, events)] {
                        batch.append(try decoder.event(in: UnsafeRawBufferPointer(rebasing: bytes[start..<end])))
                        start = end
                    }
                    matrix.removeAll()
                    spent += seconds {
                        for (position, event) in batch.enumerated() {
                            table.lookAhead(from: position, count: batch.count) { batch[$0] }
                            let customer = table.update(event)
                            table.withState(at: customer) { extractor.append($0, to: &matrix) }
                        }
                    }
                }
            }
            costs.append(spent * 1e9 / Double(events))
        }
        return (Figure("\(count) customers: state and features", unit: "ns/event", costs), memory)
    }
}

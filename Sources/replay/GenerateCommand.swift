import ArgumentParser
import Console
import Events

struct GenerateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate", abstract: "Makes up the history of a shop: the same one for the same numbers.")

    enum FormatOption: String, ExpressibleByArgument, CaseIterable {
        case csv, ndjson
    }

    @Option(help: "Customers that the shop ever has.")
    var customers: Int

    @Option(help: "Days that it is open.")
    var days: Int

    @Option(help: "Seed of everything that is random.")
    var seed: UInt64 = 1

    @Option(help: "File to write, gzip if it ends in .gz; - is standard output.")
    var output = "-"

    @Option(help: "csv or ndjson.")
    var format = FormatOption.csv

    func validate() throws {
        guard (1...50_000_000).contains(customers) else { throw ValidationError("--customers must be 1 to 50000000") }
        guard (1...36_500).contains(days) else { throw ValidationError("--days must be 1 to 36500") }
    }

    func run() throws {
        try reportingFailures {
            let progress = Progress()
            let shop = ShopGenerator(customers: customers, days: days, seed: seed)
            let writer = try HistoryWriter(path: output, format: format == .csv ? .csv : .ndjson)
            var events = 0
            while let fields = shop.nextFields() {
                try writer.write(fields)
                events += 1
                if events % 8192 == 0 { progress.show("generating", detail: "\(events) events", share: shop.share) }
            }
            try writer.close()
            progress.finish()
            printInfo("\(events) events written")
        }
    }
}

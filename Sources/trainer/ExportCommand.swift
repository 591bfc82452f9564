import ArgumentParser
import Console
import Training

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes the scoring points of a history, their labels, weights and feature rows, as CSV.",
        discussion: """
            One row a point: split (train, test, neither), kind (event, invoice: the last event of an invoice, snapshot), \
            customer_id, time, label, weight (0 for points that the trainer does not learn from), then the features by \
            name. A missing value is an empty field. Values read back as the same 32-bit floats.
            """)

    @OptionGroup var source: HistoryOptions

    @Option(help: "File for the table; gzip where its name ends in .gz, - is standard output.")
    var output: String

    @OptionGroup var configuration: ConfigurationOptions

    func run() throws {
        try reportingTraining {
            let trainer = try TrainerConfiguration(configuration.reader(for: .trainer))
            let progress = Progress()
            let prepared = try source.prepare(trainer, progress: progress)
            let rows = try ExampleTable.write(prepared, settings: trainer.settings, to: output) {
                progress.show("writing", share: $0)
            }
            progress.finish()
            printInfo("\(rows) points")
        }
    }
}

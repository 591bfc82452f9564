import ArgumentParser
import Console
import Features

struct FeaturesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "features", abstract: "Prints the table of features.")

    @Option(help: "How many days ahead the predictions look: three features look as far.")
    var horizonDays = Horizon.standard.days

    func validate() throws {
        guard Horizon.range.contains(horizonDays) else {
            throw ValidationError("--horizon-days must be 1 to 365, found \(horizonDays)")
        }
    }

    func run() throws {
        try reportingFailures { try output(FeatureSchema(Horizon(days: horizonDays)).markdown() + "\n") }
    }
}

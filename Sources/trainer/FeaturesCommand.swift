import ArgumentParser
import Console
import Features

struct FeaturesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "features", abstract: "Prints the table of features.")

    func run() throws {
        try reportingFailures { try output(FeatureSchema.markdown() + "\n") }
    }
}

import ArgumentParser
import Features

struct FeaturesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "features", abstract: "Prints the table of features.")

    func run() { print(FeatureSchema.markdown()) }
}

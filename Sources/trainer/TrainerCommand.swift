import ArgumentParser

@main
struct TrainerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trainer",
        abstract: "Makes model artifacts from a history of customer events, and judges them.",
        subcommands: [
            TrainCommand.self, EvaluateCommand.self, TuneCommand.self, ImportCommand.self, ExportCommand.self,
            FeaturesCommand.self,
            ListCommand.self, InspectCommand.self, PromoteCommand.self, RollbackCommand.self,
        ])
}

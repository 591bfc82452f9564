import ArgumentParser

@main
struct ScoringWorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scoring-worker",
        abstract: "Scores a stream of customer events: how likely is each customer to buy again soon?",
        subcommands: [
            InspectCommand.self, RunCommand.self, DemoCommand.self, RedriveCommand.self, ChaosCommand.self,
        ])
}

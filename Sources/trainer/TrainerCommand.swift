import ArgumentParser
// In place of glibc's allocator, which makes a system call of memory that one thread takes and another gives back.
import CJemalloc

@main
struct TrainerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trainer",
        abstract: "Makes model artifacts from a history of customer events, and judges them.",
        subcommands: [
            TrainCommand.self, EvaluateCommand.self, TuneCommand.self, ImportCommand.self, ExportCommand.self,
            FeaturesCommand.self,
            ListCommand.self, InspectCommand.self, PromoteCommand.self, RollbackCommand.self, CanaryCommand.self,
            ChallengeCommand.self, RetireCommand.self,
        ])
}

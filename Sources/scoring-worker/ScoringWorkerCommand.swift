import ArgumentParser
// In place of glibc's allocator, which makes a system call of memory that one thread takes and another gives back.
import CJemalloc

@main
struct ScoringWorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scoring-worker",
        abstract: "Scores a stream of customer events: how likely is each customer to buy again soon?",
        subcommands: [
            BootstrapCommand.self, CheckpointsCommand.self, InspectCommand.self, RunCommand.self, DemoCommand.self,
            RedriveCommand.self,
            ModelsCommand.self, ChaosCommand.self,
        ])
}

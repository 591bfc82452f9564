import ArgumentParser
// In place of glibc's allocator, which makes a system call of memory that one thread takes and another gives back.
import CJemalloc

@main
struct BenchmarkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark",
        abstract:
            "Measures what the documentation claims: each figure with its spread, and as a ratio to something named that ran "
            + "in the same run.",
        subcommands: [
            StagesCommand.self, EnsembleCommand.self, ExplainCommand.self, WorkerCommand.self, MonitoringCommand.self,
            ScaleCommand.self,
            LatencyCommand.self, TrainingCommand.self, RecoveryCommand.self, GuaranteesCommand.self, ReloadCommand.self,
            BesideCommand.self,
        ])
}

import ArgumentParser
// In place of glibc's allocator, which makes a system call of memory that one thread takes and another gives back.
import CJemalloc

@main
struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Brings historical events to a topic or straight through the scorer, and makes histories up.",
        subcommands: [PublishCommand.self, ScoreCommand.self, GenerateCommand.self])
}

import ArgumentParser
import Console
import Worker

struct RedriveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redrive",
        abstract: "Puts dead letters that are customer events by now, after a fix, back on the input topic.")

    @OptionGroup var configuration: ConfigurationOptions

    func run() async throws {
        try await reportingFailuresAsync {
            let settings = try WorkerSettings(configuration.reader(for: .worker))
            let progress = Progress()
            let report = try Redrive(settings: settings).run { report in
                progress.show("driving again", detail: "\(report.redriven) letters")
            }
            progress.finish()
            try output(
                "\(report.redriven) dead letters driven again to \(settings.inputTopic), \(report.rejected) still no events "
                    + "(they stay dead letters), "
                    + "\(report.foreign) of another origin"
                    + (report.truncated == 0
                        ? ""
                        : ", \(report.truncated) too large to be kept whole (their headers say where they stand on the input)")
                    + "\n")
        }
    }
}

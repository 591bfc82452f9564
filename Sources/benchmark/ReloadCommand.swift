import ArgumentParser
import Console
import Ensemble
import Foundation
import Monitoring
import Synchronization
import Worker

struct ReloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract:
            "What changing the served model under load costs: latency from publishing to reading, and memory, beside the same "
            + "run without changes.")

    @Option(help: "Another model artifact of the same horizon, to change to and back.")
    var other: String

    @Option(help: "Events a second.")
    var rate = 2000

    @Option(help: "Seconds of each measurement.")
    var seconds = 20

    @Option(help: "Milliseconds between changes.")
    var every = 1000

    @OptionGroup var options: WorkerOptions

    private struct Samples {
        var median: [Double] = []
        var tail: [Double] = []
        var longest: [Double] = []
        var changes: [Double] = []
        var memory: [Double] = []
    }

    func run() async throws {
        try await reportingFailuresAsync {
            var settings = try options.settings()
            settings.guarantee = .atLeastOnce
            settings.profile = .latency
            settings.reloadMilliseconds = 20
            let artifacts = [try ModelArtifact(path: settings.models), try ModelArtifact(path: other)]
            let directory = NSTemporaryDirectory() + "/benchmark-models-\(getpid())"
            defer { try? FileManager.default.removeItem(atPath: directory) }
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            for artifact in artifacts {
                try FileManager.default.createSymbolicLink(
                    atPath: "\(directory)/\(artifact.manifest.version)",
                    withDestinationPath: URL(fileURLWithPath: artifact.directory).path)
            }
            let store = ArtifactStore(directory: directory)
            try store.promote(artifacts[0].manifest.version, reason: "benchmark" + ArtifactStore.consent)
            settings.models = directory
            let progress = Progress()
            var samples = [false: Samples(), true: Samples()]
            for repetition in 0..<options.repetitions {
                progress.show("reload", detail: "repetition \(repetition + 1) of \(options.repetitions)")
                let run = try GuaranteeRun(
                    command: options.broker, settings: settings, artifact: try ModelArtifact(path: directory))
                defer { run.close() }
                _ = try await run.copyLatency(rate: rate, seconds: 2)
                // Who comes first changes each time.
                for isChanging in repetition % 2 == 0 ? [false, true] : [true, false] {
                    try await measure(run, store, artifacts, isChanging, &samples[isChanging, default: Samples()])
                }
            }
            progress.finish()
            try Self.figures(samples).write(asJSON: options.json)
        }
    }

    private func measure(
        _ run: GuaranteeRun, _ store: ArtifactStore, _ artifacts: [ModelArtifact], _ isChanging: Bool,
        _ samples: inout Samples
    ) async throws {
        let memory = Self.residentMiB
        let changes = Atomic<Int>(0)
        let (interval, changer) = (Double(every) / 1000, Changer(store, artifacts.map(\.manifest.version)))
        let latencies = try await run.latency(rate: rate, seconds: seconds) { worker, isOver in
            while isChanging, !isOver() {
                Thread.sleep(forTimeInterval: interval)
                changer.change()
            }
            changes.store(worker.status.model.changes, ordering: .relaxed)
        }
        samples.median.append(latencies.percentile(0.5))
        samples.tail.append(latencies.percentile(0.99))
        samples.longest.append(latencies.percentile(1))
        samples.changes.append(Double(changes.load(ordering: .relaxed)))
        samples.memory.append(Self.residentMiB - memory)
    }

    /// Has the next model served.
    private final class Changer: Sendable {
        private let store: ArtifactStore
        private let versions: [String]
        private let served = Atomic<Int>(0)

        init(_ store: ArtifactStore, _ versions: [String]) {
            self.store = store
            self.versions = versions
        }

        func change() {
            let next = served.add(1, ordering: .relaxed).newValue
            // What could not be promoted is not counted as a change.
            try? store.promote(versions[next % versions.count], reason: "benchmark" + ArtifactStore.consent)
        }
    }

    private static func figures(_ samples: [Bool: Samples]) -> [Figure] {
        guard let still = samples[false], let changing = samples[true] else { return [] }
        var figures = [Figure("changes of the model", unit: "", changing.changes)]
        for (what, unit, values) in [
            ("p50", "ms", \Samples.median), ("p99", "ms", \.tail), ("longest", "ms", \.longest),
            ("memory added", "MiB", \.memory),
        ] {
            let base = Figure("one model: \(what)", unit: unit, still[keyPath: values])
            figures += [
                base,
                Figure("models that change: \(what)", unit: unit, changing[keyPath: values]).relative(to: base),
            ]
        }
        return figures
    }

    private static var residentMiB: Double { (WorkerMetrics.residentBytes ?? 0) / 1_048_576 }
}

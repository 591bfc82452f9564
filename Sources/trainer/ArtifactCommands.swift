import ArgumentParser
import Console
import Ensemble
import Foundation

/// The option that names a directory of artifacts.
struct ModelsOption: ParsableArguments {
    @Option(name: .customLong("models"), help: "Directory of artifacts.")
    var path: String

    var store: ArtifactStore { ArtifactStore(directory: path) }
}

struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Prints the artifacts of a directory, the latest first.")

    @OptionGroup var models: ModelsOption

    func run() throws {
        try reportingFailures {
            let store = models.store
            let versions = store.versions
            guard !versions.isEmpty else { throw ArtifactError(path: models.path, reason: "holds no artifacts") }
            var lines: [String] = []
            for version in versions {
                let mark = version == store.current ? "current" : version == store.previous ? "previous" : ""
                let line: String
                do {
                    let artifact = try ModelArtifact(path: "\(models.path)/\(version)")
                    line =
                        "\(artifact.manifest.history.events) events up to \(artifact.manifest.history.lastEvent), "
                        + "\(artifact.manifest.trainingExamples) points"
                } catch {
                    line = "cannot be served: \(error)"
                }
                lines.append("\(version)  \(mark.padding(toLength: 8, withPad: " ", startingAt: 0))  \(line)")
            }
            try output(lines.joined(separator: "\n") + "\n")
        }
    }
}

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Prints what an artifact says of itself: its model card.")

    @Option(help: "Directory of artifacts, or one artifact.")
    var models: String

    @Argument(help: "Version; the one in service unless given.")
    var version: String?

    func run() throws {
        try reportingFailures {
            let artifact = try ModelArtifact(path: version.map { "\(models)/\($0)" } ?? models)
            guard let card = artifact.otherFiles[ModelArtifact.cardName] else {
                throw ArtifactError(
                    path: artifact.directory, reason: "has no model card: it was made by an older trainer")
            }
            try output(String(decoding: card, as: UTF8.self))
        }
    }
}

struct PromoteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "promote", abstract: "Makes `current` point to a version, whatever the gate said of it.")

    @OptionGroup var models: ModelsOption

    @Argument(help: "Version, as in: trainer list.")
    var version: String

    @Flag(help: "Consents to changes beyond the workers' limits (blast_radius), for which they would refuse it.")
    var whateverItChanges = false

    func run() throws {
        try reportingFailures {
            let store = models.store
            let reason = "by hand" + (whateverItChanges ? ArtifactStore.consent : "")
            try store.exclusively { try store.promote(version, reason: reason) }
            try output("\(version) is in service\n")
        }
    }
}

struct RollbackCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Makes `current` point to the version that was in service before.")

    @OptionGroup var models: ModelsOption

    func run() throws {
        try reportingFailures {
            let store = models.store
            let version = try store.exclusively { try store.rollBack() }
            try output("\(version) is in service\n")
        }
    }
}

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
            var roles = ModelRoles()
            do { roles = try store.roles() } catch { printError("\(error)") }
            var lines: [String] = []
            for version in versions {
                let mark = mark(of: version, store, roles)
                let line: String
                do {
                    let artifact = try ModelArtifact(path: "\(models.path)/\(version)")
                    line =
                        "\(artifact.manifest.history.events) events up to \(artifact.manifest.history.lastEvent), "
                        + "\(artifact.manifest.trainingExamples) points"
                } catch {
                    line = "cannot be served: \(error)"
                }
                lines.append("\(version)  \(mark.padding(toLength: 10, withPad: " ", startingAt: 0))  \(line)")
            }
            try output(lines.joined(separator: "\n") + "\n")
        }
    }

    private func mark(of version: String, _ store: ArtifactStore, _ roles: ModelRoles) -> String {
        if version == store.current { return "current" }
        if version == roles.canary?.version { return "canary" }
        if roles.challengers.contains(version) { return "challenger" }
        return version == store.previous ? "previous" : ""
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
    var version: String?

    @Flag(help: "Promotes the challenger, where there is one.")
    var fromChallenger = false

    @Flag(help: "Consents to changes beyond the workers' limits (blast_radius), for which they would refuse it.")
    var whateverItChanges = false

    func validate() throws {
        guard (version == nil) == fromChallenger else { throw ValidationError("give a version, or --from-challenger") }
    }

    func run() throws {
        try reportingFailures {
            let store = models.store
            let version = try version ?? challenger(of: store)
            let reason = "by hand" + (whateverItChanges ? ArtifactStore.consent : "")
            try store.exclusively { try store.promote(version, reason: reason) }
            try output("\(version) is in service\n")
        }
    }

    private func challenger(of store: ArtifactStore) throws -> String {
        let challengers = try store.roles().challengers
        guard challengers.count == 1 else {
            throw ArtifactError(
                path: models.path,
                reason: challengers.isEmpty
                    ? "has no challenger: trainer challenge VERSION"
                    : "has several challengers, name one: \(challengers.joined(separator: ", "))")
        }
        return challengers[0]
    }
}

struct CanaryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "canary",
        abstract: "Has a version serve a share of the customers, in place of the one in service.",
        discussion:
            "Always the same customers, and more as the share grows. Workers take it without a restart; retire ends it."
    )

    @OptionGroup var models: ModelsOption

    @Argument(help: "Version, as in: trainer list.")
    var version: String

    @Option(help: "Share of the customers, 0.0001 to 1.")
    var share: Double

    func validate() throws {
        guard (0.0001...1).contains(share) else { throw ValidationError("--share must be 0.0001 to 1") }
    }

    func run() throws {
        try reportingFailures {
            let store = models.store
            let customers = Int((share * 10_000).rounded())
            try store.exclusively {
                var roles = try store.roles()
                roles.remove(version)
                roles.canary = ModelRoles.Canary(version: version, perTenThousand: customers)
                try store.assign(roles)
            }
            try output("\(version) serves \(customers) of 10000 customers\n")
        }
    }
}

struct ChallengeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "challenge", abstract: "Has a version score beside the one in service, for comparison only.")

    @OptionGroup var models: ModelsOption

    @Argument(help: "Version, as in: trainer list.")
    var version: String

    func run() throws {
        try reportingFailures {
            let store = models.store
            try store.exclusively {
                var roles = try store.roles()
                roles.remove(version)
                roles.challengers.append(version)
                try store.assign(roles)
            }
            try output("\(version) scores beside \(store.current ?? "the model in service")\n")
        }
    }
}

struct RetireCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retire", abstract: "Ends a version's role as canary or challenger.")

    @OptionGroup var models: ModelsOption

    @Argument(help: "Version.")
    var version: String

    func run() throws {
        try reportingFailures {
            let store = models.store
            try store.exclusively {
                var roles = try store.roles()
                guard roles.versions.contains(version) else {
                    throw ArtifactError(path: models.path, reason: "\(version) is neither canary nor challenger")
                }
                roles.remove(version)
                try store.assign(roles)
            }
            try output("\(version) has no role any more\n")
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

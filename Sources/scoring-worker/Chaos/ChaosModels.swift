import Ensemble
import Foundation

/// The models of a run: the workers look at one directory of artifacts, where the one in service changes.
struct ChaosModels {
    /// What `models` is set to in the workers.
    let directory: String
    /// In the order in which they are served, again and again.
    let artifacts: [ModelArtifact]
    private let store: ArtifactStore
    private(set) var changes = 0

    /// Links the artifacts into a directory and serves the first.
    /// - Parameter paths: directories of artifacts, or artifacts; at least one.
    /// - Throws: `ArtifactError` if one cannot be served; `ChaosError` if two have the same version.
    init(_ paths: [String], in directory: String) throws {
        self.directory = "\(directory)/models"
        store = ArtifactStore(directory: self.directory)
        artifacts = try paths.map { path throws(ArtifactError) in try ModelArtifact(path: path) }
        let versions = artifacts.map(\.manifest.version)
        guard Set(versions).count == versions.count else {
            throw ChaosError("--models: two have the same version (\(versions.joined(separator: ", ")))")
        }
        try FileManager.default.createDirectory(atPath: self.directory, withIntermediateDirectories: true)
        for artifact in artifacts {
            try FileManager.default.createSymbolicLink(
                atPath: "\(self.directory)/\(artifact.manifest.version)",
                withDestinationPath: URL(fileURLWithPath: artifact.directory).path)
        }
        try store.promote(versions[0], reason: "chaos" + ArtifactStore.consent)
        try assignRoles()
    }

    /// Of the others the next one serves a share of the customers, and the one behind it challenges both.
    private func assignRoles() throws(ArtifactError) {
        func version(_ ahead: Int) -> String { artifacts[(changes + ahead) % artifacts.count].manifest.version }
        guard artifacts.count > 1 else { return }
        try store.assign(
            ModelRoles(
                canary: ModelRoles.Canary(version: version(1), perTenThousand: 2500),
                challengers: artifacts.count > 2 ? [version(2)] : []))
    }

    /// Serves the next one, if there is another.
    mutating func change() throws(ArtifactError) {
        guard artifacts.count > 1 else { return }
        changes += 1
        try store.promote(
            artifacts[changes % artifacts.count].manifest.version, reason: "chaos" + ArtifactStore.consent)
        try assignRoles()
    }
}

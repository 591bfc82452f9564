import Ensemble
import Foundation

/// Copies of the repository's artifact that serve another of its models, so that their predictions differ.
public enum OtherModel {
    /// Copies the artifact into a directory of artifacts, as the version in service unless told otherwise.
    /// - Parameter version: nil to keep the original's.
    /// - Returns: the artifact's version.
    @discardableResult
    public static func add(
        to directory: String, version: String? = nil, serving: ModelName? = nil, isCurrent: Bool = true
    ) throws -> String {
        let files = FileManager.default
        try files.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let original = try ModelArtifact(path: Checkout.models)
        let version = version ?? original.manifest.version
        let path = "\(directory)/\(version)"
        try files.copyItem(atPath: original.directory, toPath: path)
        try edit(path) { manifest in
            var manifest = manifest.replacing(
                "\"version\" : \"\(original.manifest.version)\"", with: "\"version\" : \"\(version)\"")
            if let serving {
                manifest = manifest.replacing(
                    "\"servingModel\" : \"\(original.manifest.servingModel.rawValue)\"",
                    with: "\"servingModel\" : \"\(serving.rawValue)\"")
            }
            return manifest
        }
        if isCurrent { try serve(version, in: directory) }
        return version
    }

    /// Changes an artifact's manifest, and its digest with it.
    public static func edit(_ path: String, _ change: (String) -> String) throws {
        let manifest = change(try String(contentsOfFile: "\(path)/manifest.json", encoding: .utf8))
        try manifest.write(toFile: "\(path)/manifest.json", atomically: true, encoding: .utf8)
        let digest = SHA256.digest(Array(manifest.utf8))
        try "\(digest)  manifest.json\n".write(toFile: "\(path)/manifest.sha256", atomically: true, encoding: .utf8)
    }

    /// Moves the link of what is in service, as the trainer does.
    public static func serve(_ version: String, in directory: String) throws {
        let link = "\(directory)/.next"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: version)
        guard rename(link, "\(directory)/current") == 0 else { throw CocoaError(.fileWriteUnknown) }
    }
}

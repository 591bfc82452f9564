import Events
import Foundation

/// A directory of artifacts: which there are, which one is served, and which ones were.
///
///     DIR/<version>/       an artifact
///     DIR/current          → the version in service
///     DIR/promotions.log   one line a promotion: time, version, by what
public struct ArtifactStore: Sendable {
    public let directory: String

    static let logName = "promotions.log"

    public init(directory: String) { self.directory = directory }

    /// One line of the log.
    public struct Promotion: Equatable, Sendable {
        public let time: String
        public let version: String
        public let reason: String
    }

    /// Versions that lie there, the latest written first.
    public var versions: [String] {
        let manager = FileManager.default
        var written: [(name: String, at: Date)] = []
        for name in (try? manager.contentsOfDirectory(atPath: directory)) ?? [] {
            let manifest = "\(directory)/\(name)/\(ModelArtifact.manifestName)"
            if name == ModelArtifact.currentName || name.hasPrefix(".") { continue }
            if let date = try? manager.attributesOfItem(atPath: manifest)[.modificationDate] as? Date {
                written.append((name, date))
            }
        }
        return written.sorted { ($1.at, $1.name) < ($0.at, $0.name) }.map(\.name)
    }

    /// The version in service.
    public var current: String? {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/\(ModelArtifact.currentName)"))
            .map { ($0 as NSString).lastPathComponent }
    }

    /// All promotions, oldest first.
    public var promotions: [Promotion] {
        let text = (try? String(contentsOfFile: "\(directory)/\(Self.logName)", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: " ", maxSplits: 2)
            return parts.count == 3
                ? Promotion(time: String(parts[0]), version: String(parts[1]), reason: String(parts[2])) : nil
        }
    }

    /// Makes `current` point to a version that can be served, in one step, and writes that down.
    /// - Parameter reason: by what it was promoted.
    /// - Throws: `ArtifactError` when the version is not there or cannot be served; `current` stays as it was.
    public func promote(_ version: String, reason: String) throws(ArtifactError) {
        guard versions.contains(version) else {
            throw ArtifactError(
                path: "\(directory)/\(version)",
                reason: "is no artifact; there are: \(versions.isEmpty ? "none" : versions.joined(separator: ", "))")
        }
        _ = try ModelArtifact(path: "\(directory)/\(version)")
        // What was served before the log began can be gone back to as well.
        if promotions.isEmpty, let current, current != version { try log(current, reason: "was in service") }
        try moveCurrent(to: version)
        try log(version, reason: reason)
    }

    /// Goes back to what was served before the version in service.
    /// - Returns: the version that is served now.
    /// - Throws: `ArtifactError` when there is none that can be served.
    public func rollBack() throws(ArtifactError) -> String {
        guard let version = previous else {
            throw ArtifactError(
                path: "\(directory)/\(Self.logName)",
                reason: "names no earlier version that is still there; promote one by name: "
                    + (versions.isEmpty ? "none" : versions.joined(separator: ", ")))
        }
        try promote(version, reason: "rollback")
        return version
    }

    /// The version that was served before the current one, however often one went back and forth: each rollback takes
    /// one promotion away.
    public var previous: String? {
        var served: [String] = []
        for promotion in promotions {
            if promotion.reason == "rollback" { served.removeLast(min(1, served.count)) }
            if served.last != promotion.version { served.append(promotion.version) }
        }
        let there = Set(versions)
        return served.last { $0 != current && there.contains($0) }
    }

    /// Removes the artifacts beyond the latest so many; never the one in service and the one before it.
    /// - Returns: versions removed.
    public func prune(keeping count: Int) throws(ArtifactError) -> [String] {
        let kept = Set(versions.prefix(count) + [current, previous].compactMap { $0 })
        var removed: [String] = []
        for version in versions where !kept.contains(version) {
            // Out of the way first: half an artifact must not be met under its name.
            let draft = "\(directory)/.\(version).draft"
            do {
                try FileManager.default.moveItem(atPath: "\(directory)/\(version)", toPath: draft)
                Drafts.begin(draft)
                defer { Drafts.end(draft) }
                try FileManager.default.removeItem(atPath: draft)
            } catch {
                throw ArtifactError(
                    path: "\(directory)/\(version)",
                    reason: "cannot be removed: \((error as NSError).localizedDescription)")
            }
            removed.append(version)
        }
        return removed
    }

    private func moveCurrent(to version: String) throws(ArtifactError) {
        let link = "\(directory)/\(ModelArtifact.currentName)"
        let draft = "\(directory)/.\(ModelArtifact.currentName).draft"
        unlink(draft)
        guard symlink(version, draft) == 0, rename(draft, link) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(draft)
            throw ArtifactError(path: link, reason: "cannot be moved to \(version): \(reason)")
        }
        Drafts.syncFolder(of: link)
    }

    private func log(_ version: String, reason: String) throws(ArtifactError) {
        let path = "\(directory)/\(Self.logName)"
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        let line = Array("\(EventTime.text(now / 1000 * 1000)) \(version) \(reason)\n".utf8)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        defer { if descriptor >= 0 { close(descriptor) } }
        guard descriptor >= 0, write(descriptor, line, line.count) == line.count else {
            throw ArtifactError(path: path, reason: "cannot be written: \(String(cString: strerror(errno)))")
        }
    }
}

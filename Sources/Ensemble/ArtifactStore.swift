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
        let text =
            (try? Data(contentsOf: URL(fileURLWithPath: "\(directory)/\(Self.logName)"))).map {
                String(decoding: $0, as: UTF8.self)
            } ?? ""
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
        try requireLink()
        // Opened before anything moves: what cannot be written down must not be done.
        let path = "\(directory)/\(Self.logName)"
        let log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard log >= 0 else {
            throw ArtifactError(path: path, reason: "cannot be written: \(String(cString: strerror(errno)))")
        }
        defer { close(log) }
        // What was served before the log began can be gone back to as well.
        var lines = ""
        if promotions.isEmpty, let current, current != version { lines += Self.line(current, reason: "was in service") }
        lines += Self.line(version, reason: reason)
        try moveCurrent(to: version)
        let bytes = Array(lines.utf8)
        guard write(log, bytes, bytes.count) == bytes.count, fsync(log) == 0 else {
            throw ArtifactError(
                path: path,
                reason: "\(version) is in service, but that cannot be written down: "
                    + String(cString: strerror(errno)))
        }
    }

    /// - Throws: `ArtifactError` where `current` is there and no link: a copy of a directory, say.
    public func requireLink() throws(ArtifactError) {
        let path = "\(directory)/\(ModelArtifact.currentName)"
        guard current == nil, FileManager.default.fileExists(atPath: path) else { return }
        throw ArtifactError(
            path: path, reason: "is no link to one of the versions beside it; make it one, or move it away")
    }

    /// Does what must not be done by two at once: writing, promoting and removing artifacts.
    /// - Throws: `ArtifactError` when the directory cannot be made or locked; what `work` throws.
    public func exclusively<Value>(_ work: () throws -> Value) throws -> Value {
        let path = "\(directory)/.lock"
        try? FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard lock >= 0, flock(lock, LOCK_EX) == 0 else {
            throw ArtifactError(path: path, reason: "cannot be locked: \(String(cString: strerror(errno)))")
        }
        defer { close(lock) }
        return try work()
    }

    /// Versions that were in service when somebody went back to an earlier one, and have not been promoted by hand since.
    public var rolledBack: Set<String> {
        var rolledBack: Set<String> = []
        var last: String?
        for promotion in promotions {
            if promotion.reason == "rollback", let last {
                rolledBack.insert(last)
            } else {
                rolledBack.remove(promotion.version)
            }
            last = promotion.version
        }
        return rolledBack
    }

    /// Goes back to what was served before the version in service.
    /// - Returns: the version that is served now.
    /// - Throws: `ArtifactError` when there is none that can be served.
    public func rollBack() throws(ArtifactError) -> String {
        for version in earlier {
            guard (try? ModelArtifact(path: "\(directory)/\(version)")) != nil else { continue }
            try promote(version, reason: "rollback")
            return version
        }
        throw ArtifactError(
            path: "\(directory)/\(Self.logName)",
            reason: "names no earlier version that is still there and can be served; promote one by name: "
                + (versions.isEmpty ? "none" : versions.joined(separator: ", ")))
    }

    /// The version that was served before the current one.
    public var previous: String? { earlier.first }

    /// The versions that were served before the current one and are still there, the latest first, however often one
    /// went back and forth: each rollback takes promotions away.
    private var earlier: [String] {
        var served: [String] = []
        for promotion in promotions {
            if promotion.reason == "rollback" {
                while let last = served.last, last != promotion.version { served.removeLast() }
            }
            if served.last != promotion.version { served.append(promotion.version) }
        }
        let there = Set(versions)
        return served.reversed().filter { $0 != current && there.contains($0) }
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
                TemporaryFiles.begin(draft)
                defer { TemporaryFiles.end(draft) }
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
        let draft = "\(directory)/.\(ModelArtifact.currentName).\(getpid()).draft"
        unlink(draft)
        guard symlink(version, draft) == 0, rename(draft, link) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(draft)
            throw ArtifactError(path: link, reason: "cannot be moved to \(version): \(reason)")
        }
        TemporaryFiles.syncFolder(of: link)
    }

    private static func line(_ version: String, reason: String) -> String {
        "\(EventTime.text(Int64(Date().timeIntervalSince1970) * 1000)) \(version) \(reason)\n"
    }
}

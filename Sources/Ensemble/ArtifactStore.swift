import Events
import Foundation

/// A directory of artifacts: the versions, the one in service, and the log of promotions.
///
///     DIR/<version>/       an artifact
///     DIR/current          → the version in service
///     DIR/promotions.log   one line a promotion: time, version, reason
///     DIR/example          the version that the program came with, to try it out; of another shop as a rule
package struct ArtifactStore: Sendable {
    /// The directory's path.
    package let directory: String

    static let logName = "promotions.log"
    /// Ends the reason of a promotion whose changes somebody has consented to.
    package static let consent = ", whatever it changes"
    private static let rollbackReason = "rollback"
    private static let exampleName = "example"

    /// - Parameter directory: need not exist; reading a missing one finds no versions.
    package init(directory: String) { self.directory = directory }

    /// One line of the log.
    package struct Promotion: Equatable, Sendable {
        /// ISO 8601.
        package let time: String
        /// The version that was promoted.
        package let version: String
        /// Why; `rollback` for a return to an earlier version.
        package let reason: String
        /// Whether it is to be served however much it changes.
        package var isUnconditional: Bool {
            reason == ArtifactStore.rollbackReason || reason.hasSuffix(ArtifactStore.consent)
        }
    }

    /// All versions in the directory, the latest written first.
    package var versions: [String] {
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

    /// What a version says of itself. Nothing is verified.
    /// - Throws: `ArtifactError` when there is none, or it cannot be understood.
    package func manifest(of version: String) throws(ArtifactError) -> Manifest {
        try ModelArtifact.manifest(in: "\(directory)/\(version)")
    }

    /// The version in service; `nil` where `current` is no link.
    package var current: String? {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/\(ModelArtifact.currentName)"))
            .map { ($0 as NSString).lastPathComponent }
    }

    /// Whether the version in service is the one that the program came with.
    package var servesExample: Bool {
        let path = "\(directory)/\(Self.exampleName)"
        guard let current, let text = try? String(contentsOfFile: path, encoding: .utf8) else { return false }
        return text.split(whereSeparator: \.isWhitespace).contains { $0 == current }
    }

    /// All promotions, oldest first.
    package var promotions: [Promotion] {
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

    /// Whether whoever put a version in service last has consented to whatever it changes. A rollback always has.
    package func isUnconditional(_ version: String) -> Bool {
        promotions.last.map { $0.version == version && $0.isUnconditional } ?? false
    }

    /// Points `current` at a version atomically, and logs the promotion. Another role that it had ends.
    /// - Parameter reason: what the log says.
    /// - Throws: `ArtifactError` when the version does not exist or cannot be served; `current` then stays as it was.
    package func promote(_ version: String, reason: String) throws(ArtifactError) {
        guard versions.contains(version) else {
            throw ArtifactError(
                path: "\(directory)/\(version)",
                reason: "is no artifact; there are: \(versions.isEmpty ? "none" : versions.joined(separator: ", "))")
        }
        _ = try ModelArtifact(path: "\(directory)/\(version)")
        try requireLink()
        // Opened before `current` moves: a promotion that cannot be logged must not happen.
        let path = "\(directory)/\(Self.logName)"
        let log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard log >= 0 else {
            throw ArtifactError(path: path, reason: "cannot be written: \(String(cString: strerror(errno)))")
        }
        defer { close(log) }
        // A version that was served before the log began is logged too, so that a rollback can return to it.
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
        // Roles that cannot be understood keep no model out of service; workers say so.
        guard var roles = try? roles(), roles.versions.contains(version) else { return }
        roles.remove(version)
        try assign(roles)
    }

    /// Checks that `current` is a link or missing.
    /// - Throws: `ArtifactError` where it is something else, such as a copied directory.
    package func requireLink() throws(ArtifactError) {
        let path = "\(directory)/\(ModelArtifact.currentName)"
        guard current == nil, FileManager.default.fileExists(atPath: path) else { return }
        throw ArtifactError(
            path: path, reason: "is no link to one of the versions beside it; make it one, or move it away")
    }

    /// Runs `work` with the store locked against other processes. Writing, promoting and removing artifacts need the lock.
    /// - Throws: `ArtifactError` when the directory cannot be created or locked; what `work` throws.
    /// - Parameter patience: how long another process may hold it; for ever unless given.
    package func exclusively<Value>(within patience: Duration? = nil, _ work: () throws -> Value) throws -> Value {
        let path = "\(directory)/.lock"
        try? FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard lock >= 0 else {
            throw ArtifactError(path: path, reason: "cannot be opened: \(String(cString: strerror(errno)))")
        }
        defer { close(lock) }
        let deadline = patience.map { ContinuousClock.now + $0 }
        while flock(lock, deadline == nil ? LOCK_EX : LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR, deadline.map({ ContinuousClock.now < $0 }) ?? true else {
                throw ArtifactError(
                    path: path,
                    reason: errno == EWOULDBLOCK
                        ? "is locked by another process, such as a trainer at work; try again later"
                        : "cannot be locked: \(String(cString: strerror(errno)))")
            }
            if deadline != nil { usleep(20_000) }
        }
        return try work()
    }

    /// Versions that were rolled back and have not been promoted since.
    package var rolledBack: Set<String> {
        var rolledBack: Set<String> = []
        var last: String?
        for promotion in promotions {
            if promotion.reason == Self.rollbackReason, let last {
                rolledBack.insert(last)
            } else {
                rolledBack.remove(promotion.version)
            }
            last = promotion.version
        }
        return rolledBack
    }

    /// Promotes the version that was served before the one in service.
    /// - Returns: the version that is served now.
    /// - Throws: `ArtifactError` when no earlier version can be served.
    package func rollBack() throws(ArtifactError) -> String {
        for version in earlier {
            guard (try? ModelArtifact(path: "\(directory)/\(version)")) != nil else { continue }
            try promote(version, reason: Self.rollbackReason)
            return version
        }
        throw ArtifactError(
            path: "\(directory)/\(Self.logName)",
            reason: "names no earlier version that is still there and can be served; promote one by name: "
                + (versions.isEmpty ? "none" : versions.joined(separator: ", ")))
    }

    /// The version that was served before the current one and still exists.
    package var previous: String? { earlier.first }

    /// The versions that were served before the current one and still exist, the latest first. A rollback undoes the
    /// promotions after the version that it returns to.
    private var earlier: [String] {
        var served: [String] = []
        for promotion in promotions {
            if promotion.reason == Self.rollbackReason {
                while let last = served.last, last != promotion.version { served.removeLast() }
            }
            if served.last != promotion.version { served.append(promotion.version) }
        }
        let existing = Set(versions)
        return served.reversed().filter { $0 != current && existing.contains($0) }
    }

    /// Removes all but the latest artifacts; never the one in service, the one before it, or one that scores beside it.
    /// - Parameter count: latest artifacts to keep.
    /// - Returns: the versions removed.
    /// - Throws: `ArtifactError` for the first that cannot be removed.
    package func prune(keeping count: Int) throws(ArtifactError) -> [String] {
        let kept = Set(versions.prefix(count) + [current, previous].compactMap { $0 } + (try roles()).versions)
        var removed: [String] = []
        for version in versions where !kept.contains(version) {
            // Renamed first: a reader must not find half an artifact under its version.
            let temporary = "\(directory)/.\(version).draft"
            do {
                try FileManager.default.moveItem(atPath: "\(directory)/\(version)", toPath: temporary)
                TemporaryFiles.begin(temporary)
                defer { TemporaryFiles.end(temporary) }
                try FileManager.default.removeItem(atPath: temporary)
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
        let temporary = "\(directory)/.\(ModelArtifact.currentName).\(getpid()).draft"
        unlink(temporary)
        guard symlink(version, temporary) == 0, rename(temporary, link) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(temporary)
            throw ArtifactError(path: link, reason: "cannot be moved to \(version): \(reason)")
        }
        TemporaryFiles.syncFolder(of: link)
    }

    private static func line(_ version: String, reason: String) -> String {
        "\(EventTime.text(Int64(Date().timeIntervalSince1970) * 1000)) \(version) \(reason)\n"
    }
}

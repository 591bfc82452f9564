import Foundation
import Synchronization

/// The process's files and folders that are being written under a temporary name, to be removed if it is interrupted.
package enum TemporaryFiles {
    private static let paths = Mutex<Set<String>>([])

    /// Registers a path that is about to be created.
    package static func begin(_ path: String) { _ = paths.withLock { $0.insert(path) } }

    /// Unregisters a path that has been renamed or removed.
    package static func end(_ path: String) { _ = paths.withLock { $0.remove(path) } }

    /// Removes all registered files and folders.
    package static func removeAll() {
        for path in paths.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) }
    }

    /// Makes a rename durable: syncs the folder that holds the path to disk.
    package static func syncFolder(of path: String) {
        let folder = open(
            (path as NSString).deletingLastPathComponent.isEmpty
                ? "." : (path as NSString).deletingLastPathComponent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }
}

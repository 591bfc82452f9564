import Foundation
import Synchronization

/// Files and folders that are being written under a name of their own: what an interrupted program must not leave behind.
public enum Drafts {
    private static let paths = Mutex<Set<String>>([])

    public static func begin(_ path: String) { _ = paths.withLock { $0.insert(path) } }

    /// The draft has got its name or is gone.
    public static func end(_ path: String) { _ = paths.withLock { $0.remove(path) } }

    /// Removes whatever is still a draft.
    public static func removeAll() {
        for path in paths.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) }
    }

    /// Makes a rename last: flushes the folder that holds a path.
    public static func syncFolder(of path: String) {
        let folder = open(
            (path as NSString).deletingLastPathComponent.isEmpty
                ? "." : (path as NSString).deletingLastPathComponent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }
}

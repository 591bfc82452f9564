import Foundation
import LocalCluster

extension ChildProcess {
    /// Starts a `scoring-worker`.
    ///
    /// - Parameter fileLimit: The largest file that it may write, in blocks of 512 bytes, to act as a full disk.
    convenience init(worker arguments: [String], log: String, fileLimit: Int? = nil) throws {
        let limit = fileLimit.map { ["/bin/sh", "-c", "ulimit -f \($0); exec \"$0\" \"$@\""] } ?? []
        try self.init(
            limit + [Command.executable("scoring-worker").path] + arguments, in: Command.workingDirectory.path, log: log
        )
    }

    /// Everything that processes with this log file have written.
    var log: String { (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "" }

    /// Waits until the log contains a text a number of times.
    ///
    /// - Throws: `NotLogged` if the process ends before that, or after 60 seconds.
    func waitForLog(_ text: String, count: Int) throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while log.ranges(of: text).count < count {
            guard isRunning, ContinuousClock.now < deadline else {
                throw NotLogged(text: text, log: String(log.suffix(3000)))
            }
            Thread.sleep(forTimeInterval: 0.02)
        }
    }

    /// A text that a process has not logged.
    struct NotLogged: Error {
        let text: String
        let log: String
    }
}

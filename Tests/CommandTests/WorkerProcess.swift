import Foundation

/// A `scoring-worker` in a process of its own, to be killed.
final class WorkerProcess {
    private let process = Process()
    private let path: String

    /// - Parameter fileLimit: largest file that it may write, in blocks of 512 bytes, as on a disk that is full.
    init(_ arguments: [String], log path: String, fileLimit: Int? = nil) throws {
        self.path = path
        if !FileManager.default.fileExists(atPath: path) { try Data().write(to: URL(fileURLWithPath: path)) }
        let log = FileHandle(forWritingAtPath: path)!
        log.seekToEndOfFile()
        let executable = Command.executable("scoring-worker")
        if let fileLimit {
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", "ulimit -f \(fileLimit); exec \"$0\" \"$@\"", executable.path] + arguments
        } else {
            process.executableURL = executable
            process.arguments = arguments
        }
        process.currentDirectoryURL = Command.workingDirectory
        process.standardOutput = log
        process.standardError = log
        try process.run()
    }

    deinit { if process.isRunning { kill() } }

    /// Everything that the workers with this log have said.
    var log: String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }

    /// Waits until a line with this text has been logged so many times.
    func waitForLog(_ text: String, count: Int) throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while log.ranges(of: text).count < count {
            guard process.isRunning, ContinuousClock.now < deadline else { throw NotLogged(text: text, log: log) }
            Thread.sleep(forTimeInterval: 0.02)
        }
    }

    struct NotLogged: Error {
        let text: String
        let log: String
    }

    /// SIGKILL: no chance to finish anything.
    func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// SIGTERM, and the exit code.
    func terminate() -> Int32 {
        process.terminate()
        return wait(seconds: 60)
    }

    func wait(seconds: Int) -> Int32 {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while process.isRunning, ContinuousClock.now < deadline { Thread.sleep(forTimeInterval: 0.02) }
        guard !process.isRunning else {
            kill()
            return -1
        }
        return process.terminationStatus
    }
}

import Foundation
import Synchronization

/// A process of this one's own, its output in a log file. It is killed when it is let go of, and when this process
/// exits of its own.
package final class ChildProcess {
    /// Those that run.
    private static let running = Mutex<Set<pid_t>>([])
    private static let isKillingAtExit: Bool =
        atexit {
            ChildProcess.running.withLock { running in for process in running { Foundation.kill(process, SIGKILL) } }
        } == 0

    private let process = Process()
    private let log: FileHandle

    /// - Parameters:
    ///   - arguments: the executable's path first.
    ///   - log: file that output is appended to.
    package init(_ arguments: [String], in directory: String? = nil, log path: String) throws {
        if !FileManager.default.fileExists(atPath: path) { try Data().write(to: URL(fileURLWithPath: path)) }
        log = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try log.seekToEnd()
        process.executableURL = URL(fileURLWithPath: arguments[0])
        process.arguments = Array(arguments.dropFirst())
        if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = log
        process.standardError = log
        process.terminationHandler = { process in
            Self.running.withLock { _ = $0.remove(process.processIdentifier) }
        }
        precondition(Self.isKillingAtExit)
        try Self.running.withLock { running in
            try process.run()
            running.insert(process.processIdentifier)
        }
    }

    deinit {
        kill()
        try? log.close()
    }

    package var isRunning: Bool { process.isRunning }

    /// Stands still until it is resumed.
    package func pause() { send(SIGSTOP) }

    package func resume() { send(SIGCONT) }

    private func send(_ signal: Int32) {
        if process.isRunning { Foundation.kill(process.processIdentifier, signal) }
    }

    /// Processor time of all its threads so far, seconds; 0 when it has ended.
    package var processorSeconds: Double {
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(process.processIdentifier, &clock) == 0, clock_gettime(clock, &time) == 0 else {
            return 0
        }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// SIGKILL: no chance to finish anything.
    package func kill() {
        guard process.isRunning else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// SIGTERM, and a while to finish in.
    /// - Returns: whether it did, with exit code 0, or by the signal alone when it had not begun.
    package func stop(seconds: Double) -> Bool {
        process.terminate()
        let deadline = ContinuousClock.now + .seconds(seconds)
        while process.isRunning, ContinuousClock.now < deadline { Thread.sleep(forTimeInterval: 0.02) }
        defer { kill() }
        return !process.isRunning && [0, SIGTERM, 128 + SIGTERM].contains(process.terminationStatus)
    }
}

import Dispatch
import Foundation
import Synchronization

/// A child process that writes its output to a log file. It is killed when this object is released, and when this process
/// exits normally.
package final class ChildProcess {
    /// The identifiers of the children that run.
    private static let running = Mutex<Set<pid_t>>([])
    private static let isKillingAtExit: Bool =
        atexit {
            ChildProcess.running.withLock { running in for process in running { Foundation.kill(process, SIGKILL) } }
        } == 0

    /// Unsafe in name alone: written once, before the program does anything.
    nonisolated(unsafe) private static var signalSources: [any DispatchSourceSignal] = []

    /// From now on a signal that ends this process (SIGINT, SIGTERM, SIGHUP) ends its children first: a broker and workers that
    /// were left behind would go on for ever.
    package static func endWithThisProcess() {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            // Exiting kills them.
            source.setEventHandler { exit(128 + number) }
            source.resume()
            signalSources.append(source)
        }
    }

    private let process = Process()
    /// Bytes of the log before this process was started.
    private let logStart: UInt64
    private let logFile: FileHandle
    /// The path of the file that standard output and standard error are appended to.
    package let logPath: String

    /// Starts a process.
    ///
    /// - Parameters:
    ///   - arguments: The path of the executable, then its arguments.
    ///   - directory: The working directory; this process's own if nil.
    ///   - path: The log file, which is created if it is not there.
    /// - Throws: Foundation's error if the log cannot be opened or the process cannot be started.
    package init(_ arguments: [String], in directory: String? = nil, log path: String) throws {
        if !FileManager.default.fileExists(atPath: path) { try Data().write(to: URL(fileURLWithPath: path)) }
        logPath = path
        logFile = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        logStart = try logFile.seekToEnd()
        process.executableURL = URL(fileURLWithPath: arguments[0])
        process.arguments = Array(arguments.dropFirst())
        if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = logFile
        process.standardError = logFile
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
        try? logFile.close()
    }

    /// The process's number.
    package var processIdentifier: Int32 { process.processIdentifier }

    /// Whether the process has not ended yet.
    package var isRunning: Bool { process.isRunning }

    /// What it has written to its log.
    /// - Parameter sinceStart: without what earlier processes have written there.
    package func lines(sinceStart: Bool) -> [Substring] {
        let text = (try? Data(contentsOf: URL(fileURLWithPath: logPath))) ?? Data()
        let own = sinceStart ? text.dropFirst(Int(logStart)) : text
        return String(decoding: own, as: UTF8.self).split(separator: "\n")
    }

    /// The last lines of its log.
    package func lastLines(_ count: Int) -> String { lines(sinceStart: true).suffix(count).joined(separator: "\n") }

    /// Kills the process (SIGKILL) and waits until it is gone.
    package func kill() {
        guard process.isRunning else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Asks the process to stop (SIGTERM) and kills it if it has not ended in time.
    ///
    /// - Returns: Whether it has ended in time, with exit code 0 or by the signal itself: a process that has just been
    ///   started does not handle the signal yet.
    package func stop(seconds: Double) -> Bool {
        [0, SIGTERM, 128 + SIGTERM].contains(terminate(seconds: seconds))
    }

    /// Asks the process to stop (SIGTERM) and kills it if it has not ended in time.
    ///
    /// - Returns: The exit code, or the number of the signal that has ended it; nil if it had to be killed.
    package func terminate(seconds: Double) -> Int32? {
        process.terminate()
        return wait(seconds: seconds)
    }

    /// Waits until the process ends, and kills it if it does not in time.
    ///
    /// - Returns: The exit code, or the number of the signal that has ended it; nil if it had to be killed.
    package func wait(seconds: Double) -> Int32? {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while process.isRunning, ContinuousClock.now < deadline { Thread.sleep(forTimeInterval: 0.02) }
        guard !process.isRunning else {
            kill()
            return nil
        }
        return process.terminationStatus
    }
}

import Foundation

/// A process of this one's own, its output in a log file. It is killed when it is let go of.
public final class ChildProcess {
    private let process = Process()
    private let log: FileHandle

    /// - Parameters:
    ///   - arguments: the executable's path first.
    ///   - log: file that output is appended to.
    public init(_ arguments: [String], in directory: String? = nil, log path: String) throws {
        if !FileManager.default.fileExists(atPath: path) { try Data().write(to: URL(fileURLWithPath: path)) }
        log = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try log.seekToEnd()
        process.executableURL = URL(fileURLWithPath: arguments[0])
        process.arguments = Array(arguments.dropFirst())
        if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = log
        process.standardError = log
        try process.run()
    }

    deinit {
        kill()
        try? log.close()
    }

    public var isRunning: Bool { process.isRunning }

    /// SIGKILL: no chance to finish anything.
    public func kill() {
        guard process.isRunning else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// SIGTERM, and a while to finish in.
    /// - Returns: whether it did, with exit code 0, or by the signal alone when it had not begun.
    public func stop(seconds: Double) -> Bool {
        process.terminate()
        let deadline = ContinuousClock.now + .seconds(seconds)
        while process.isRunning, ContinuousClock.now < deadline { Thread.sleep(forTimeInterval: 0.02) }
        defer { kill() }
        return !process.isRunning && [0, SIGTERM, 128 + SIGTERM].contains(process.terminationStatus)
    }
}

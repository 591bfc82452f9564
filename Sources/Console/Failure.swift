import ArgumentParser
import Events
import Foundation
import Settings
import Synchronization

/// Runs a command's work and turns what is thrown into one clear message and an exit code.
///
/// Exit codes: 1 when the work failed, 2 for bad usage or configuration. SIGINT and SIGTERM delete the temporary files and
/// end the process.
/// - Parameter stop: is told of the first signal instead, for work that ends by itself then; the second one ends the process.
/// - Throws: `ExitCode` for whatever the work has thrown.
package func reportingFailures(stoppingBy stop: StopRequest? = nil, _ work: () throws -> Void) throws {
    endWhenInterrupted(stop)
    do { try work() } catch { throw exitCode(of: error) }
}

/// Runs a command's asynchronous work, with the same error message and exit codes.
///
/// It installs no signal handlers: such commands shut down gracefully by themselves.
/// - Throws: `ExitCode` for whatever the work has thrown.
package func reportingFailuresAsync(_ work: () async throws -> Void) async throws {
    do { try await work() } catch { throw exitCode(of: error) }
}

/// Keeps the signal sources alive until the command ends.
private nonisolated(unsafe) var interruptions: [any DispatchSourceSignal] = []

/// Whether somebody has asked for work to end.
package final class StopRequest: Sendable {
    private let requested = Atomic<Bool>(false)

    /// Nobody has.
    package init() {}

    /// Whether a signal has come.
    package var isMade: Bool { requested.load(ordering: .relaxed) }

    /// - Returns: whether this was the first request.
    fileprivate func make() -> Bool { !requested.exchange(true, ordering: .relaxed) }
}

/// Deletes the temporary files when SIGINT or SIGTERM ends the command.
private func endWhenInterrupted(_ stop: StopRequest?) {
    for number in [SIGINT, SIGTERM] {
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler {
            if let stop, stop.make() { return }
            TemporaryFiles.removeAll()
            exit(128 + number)
        }
        source.resume()
        interruptions.append(source)
    }
}

private func exitCode(of error: any Error) -> ExitCode {
    switch error {
    case let code as ExitCode: return code
    case let error as ConfigurationError:
        printError("configuration: \(error)")
        return ExitCode(2)
    default:
        printError("\(error)")
        return ExitCode.failure
    }
}

/// Prints a line on standard error, beginning with `error:`.
package func printError(_ message: String) {
    writeToStandardError("error: \(message)\n")
}

/// Prints a line of information on standard error, because standard output may carry the command's data.
package func printInfo(_ message: String) {
    writeToStandardError("\(message)\n")
}

/// Writes a command's result to standard output.
///
/// - Throws: `HistoryError` if it cannot be written, so that a full disk does not look like success.
package func output(_ text: String) throws {
    let file = try OutputFile(path: "-")
    try file.write(Array(text.utf8))
    try file.close()
}

/// Writes text to standard error. What cannot be written is lost: a full disk, a reader that is gone or a closed descriptor must
/// not stop the work.
///
/// A program whose standard error may be a pipe ignores SIGPIPE, as `run` does.
func writeToStandardError(_ text: String) {
    Array(text.utf8).withUnsafeBytes { bytes in
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = write(2, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }
}

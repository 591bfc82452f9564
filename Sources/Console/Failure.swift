import ArgumentParser
import Events
import Foundation
import Settings

/// Runs a command's work and turns what is thrown into one clear message and an exit code.
///
/// Exit codes: 1 when the work failed, 2 for bad usage or configuration.
package func reportingFailures(_ work: () throws -> Void) throws {
    removeTemporaryFilesWhenInterrupted()
    do { try work() } catch { throw exitCode(of: error) }
}

/// The same for work that awaits.
package func reportingFailuresAsync(_ work: () async throws -> Void) async throws {
    do { try await work() } catch { throw exitCode(of: error) }
}

private nonisolated(unsafe) var interruptions: [any DispatchSourceSignal] = []

/// An interrupted command leaves nothing half-written.
private func removeTemporaryFilesWhenInterrupted() {
    for number in [SIGINT, SIGTERM] {
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler {
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
        complain("configuration: \(error)")
        return ExitCode(2)
    default:
        complain("\(error)")
        return ExitCode.failure
    }
}

/// A message on standard error.
package func complain(_ message: String) {
    writeToStandardError("error: \(message)\n")
}

/// A word on standard error that is no complaint: standard output may be the data.
package func remark(_ message: String) {
    writeToStandardError("\(message)\n")
}

/// What a command is for, on standard output.
/// - Throws: `HistoryError` when it cannot be written: a full disk must not look like success.
package func output(_ text: String) throws {
    let file = try OutputFile(path: "-")
    try file.write(Array(text.utf8))
    try file.close()
}

/// A closed or full standard error stops nobody's work.
func writeToStandardError(_ text: String) {
    let bytes = Array(text.utf8)
    _ = write(2, bytes, bytes.count)
}

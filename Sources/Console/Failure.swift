import ArgumentParser
import Configuration
import Foundation

/// Runs a command's work and turns what is thrown into one clear message and an exit code.
///
/// Exit codes: 1 when the work failed, 2 for bad usage or configuration.
public func reportingFailures(_ work: () throws -> Void) throws {
    do { try work() } catch { throw exitCode(of: error) }
}

/// The same for work that awaits.
public func reportingFailuresAsync(_ work: () async throws -> Void) async throws {
    do { try await work() } catch { throw exitCode(of: error) }
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
public func complain(_ message: String) {
    FileHandle.standardError.write(Data("error: \(message)\n".utf8))
}

/// A word on standard error that is no complaint: standard output may be the data.
public func remark(_ message: String) {
    FileHandle.standardError.write(Data("\(message)\n".utf8))
}

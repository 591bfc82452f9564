import ArgumentParser
import Configuration
import Foundation

/// Runs a command's work and turns what is thrown into one clear message and an exit code.
///
/// Exit codes: 1 when the work failed, 2 for bad usage or configuration.
public func reportingFailures(_ work: () throws -> Void) throws {
    do {
        try work()
    } catch let error as ExitCode {
        throw error
    } catch let error as ConfigurationError {
        complain("configuration: \(error)")
        throw ExitCode(2)
    } catch {
        complain("\(error)")
        throw ExitCode.failure
    }
}

/// A message on standard error.
public func complain(_ message: String) {
    FileHandle.standardError.write(Data("error: \(message)\n".utf8))
}

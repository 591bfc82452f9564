import Foundation
import TestSupport

/// Runs one of the built executables as a user would.
struct Command {
    let status: Int32
    let output: String
    let error: String

    /// Executables lie beside the test bundle.
    private static let directory: URL = {
        let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let candidates = [own] + CommandLine.arguments.map { URL(fileURLWithPath: $0).deletingLastPathComponent() }
        return candidates.first {
            FileManager.default.isExecutableFile(atPath: $0.appendingPathComponent("replay").path)
        } ?? own
    }()

    static let workingDirectory = Checkout.root

    static func executable(_ name: String) -> URL { directory.appendingPathComponent(name) }

    init(
        _ name: String, _ arguments: [String], environment: [String: String] = [:], in workingDirectory: String? = nil,
        input: [UInt8]? = nil
    ) throws {
        let process = Process()
        process.executableURL = Self.executable(name)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.currentDirectoryURL = workingDirectory.map { URL(fileURLWithPath: $0) } ?? Self.workingDirectory
        let directory = try TemporaryDirectory()
        let outputPath = try directory.file("out", "")
        let errorPath = try directory.file("err", "")
        process.standardOutput = FileHandle(forWritingAtPath: outputPath)
        process.standardError = FileHandle(forWritingAtPath: errorPath)
        if let input {
            process.standardInput = FileHandle(forReadingAtPath: try directory.file("in", input))
        } else {
            process.standardInput = FileHandle.nullDevice
        }
        try process.run()
        process.waitUntilExit()
        status = process.terminationStatus
        output = try String(contentsOfFile: outputPath, encoding: .utf8)
        error = try String(contentsOfFile: errorPath, encoding: .utf8)
    }
}

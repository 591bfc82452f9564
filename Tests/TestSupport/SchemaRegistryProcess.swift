import Foundation
import Testing

/// A Schema Registry in a process of its own, with the serializers of confluent-kafka beside it (Tests/Serializers).
public final class SchemaRegistryProcess {
    /// The Python that has them; `nil` where it cannot be had.
    public static let python: String? = {
        let path = ProcessInfo.processInfo.environment["FUTURE_CART_TEST_SERIALIZERS"] ?? ""
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }()

    public static let skipped: Comment =
        "no serializers: deploy/test.sh installs them and names them in FUTURE_CART_TEST_SERIALIZERS"

    public let url: String
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()

    /// - Parameter arguments: of `serialize.py`.
    public init(_ arguments: [String] = []) throws {
        let script = Checkout.root.appendingPathComponent("Tests/Serializers/serialize.py").path
        process.executableURL = URL(fileURLWithPath: try #require(Self.python))
        process.arguments = ["-W", "ignore", script] + arguments
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        url = try Self.line(of: output)
    }

    deinit { stop() }

    /// Has the registry carry out a command; waits for its answer.
    @discardableResult
    public func run(_ command: String) throws -> String {
        input.fileHandleForWriting.write(Data("\(command)\n".utf8))
        return try Self.line(of: output)
    }

    /// Ends the registry, as an outage does.
    public func stop() {
        guard process.isRunning else { return }
        // It may have inherited that SIGTERM is ignored.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// The messages of a file that it has written.
    public static func messages(_ path: String) throws -> [[UInt8]] {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        var messages: [[UInt8]] = []
        var at = 0
        while at < bytes.count {
            let count = (0..<4).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
            messages.append(Array(bytes[(at + 4)..<(at + 4 + count)]))
            at += 4 + count
        }
        return messages
    }

    private static func line(of pipe: Pipe) throws -> String {
        var bytes: [UInt8] = []
        while let byte = try pipe.fileHandleForReading.read(upToCount: 1)?.first, byte != 0x0A { bytes.append(byte) }
        return try #require(bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self), "serialize.py has ended")
    }
}

import Foundation

/// A Kafka-speaking server in a process of its own, on loopback, with real transactions: what the embedded broker cannot
/// show. Its data go when it does.
public final class BrokerProcess {
    /// The server's executable, from FUTURE_CART_TEST_BROKER (`deploy/test.sh` installs and names it).
    public static let executable: String? = ProcessInfo.processInfo.environment["FUTURE_CART_TEST_BROKER"].flatMap {
        FileManager.default.isExecutableFile(atPath: $0) ? $0 : nil
    }
    public static let skipped = "no test broker: run deploy/test.sh, or set FUTURE_CART_TEST_BROKER"

    public let bootstrapServers: String
    private let directory: TemporaryDirectory
    private let process = Process()

    public init() throws {
        directory = try TemporaryDirectory()
        let port = try Self.freePort()
        bootstrapServers = "127.0.0.1:\(port)"
        process.executableURL = URL(fileURLWithPath: Self.executable!)
        process.arguments = [
            "start", "--only", "kafka", "--kafka-port", "\(port)", "--data-dir", directory.path + "/data",
        ]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        let deadline = ContinuousClock.now + .seconds(30)
        while !Self.answers(port) {
            guard process.isRunning, ContinuousClock.now < deadline else { throw NotStarted() }
            Thread.sleep(forTimeInterval: 0.05)
        }
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    public struct NotStarted: Error {}

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = port.bigEndian
        return address
    }

    private static func with<Result>(_ address: inout sockaddr_in, _ body: (UnsafeMutablePointer<sockaddr>) -> Result)
        -> Result
    {
        withUnsafeMutablePointer(to: &address) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1, body) }
    }

    private static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        guard with(&address, { bind(descriptor, $0, length) }) == 0,
            with(&address, { getsockname(descriptor, $0, &length) }) == 0
        else { throw NotStarted() }
        return UInt16(bigEndian: address.sin_port)
    }

    private static func answers(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = address(port)
        return with(&address) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) } == 0
    }
}

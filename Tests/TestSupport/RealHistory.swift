import Foundation

/// The UCI Online Retail history (541,909 rows), which is no part of the repository.
public enum RealHistory {
    /// From FUTURE_CART_DATA, else ../shared/data/online-retail.csv.gz beside the checkout; `nil` when it is at neither.
    public static let path: String? = {
        let fallback = Checkout.root.deletingLastPathComponent()
            .appendingPathComponent("shared/data/online-retail.csv.gz").path
        let path = ProcessInfo.processInfo.environment["FUTURE_CART_DATA"] ?? fallback
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }()

    public static let skipped: String =
        "the real history is not here: set FUTURE_CART_DATA to online-retail.csv.gz to run this"
}

/// Where this checkout and what was built of it lie.
public enum Checkout {
    public static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The artifact that the repository carries.
    public static let models = root.appendingPathComponent("models").path
}

/// A directory that is gone when the test is over.
public final class TemporaryDirectory {
    public let path: String

    public init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("future-cart-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file and returns its path.
    public func file(_ name: String, _ content: String) throws -> String {
        try file(name, Array(content.utf8))
    }

    public func file(_ name: String, _ content: [UInt8]) throws -> String {
        let path = "\(path)/\(name)"
        try Data(content).write(to: URL(fileURLWithPath: path))
        return path
    }
}

import Foundation
import TestSupport

extension Checkout {
    /// The Swift files of a top folder, by path.
    static func swiftFiles(in folder: String) throws -> [SwiftFile] {
        let top = root.appendingPathComponent(folder).path
        let paths = (FileManager.default.subpaths(atPath: top) ?? []).filter { $0.hasSuffix(".swift") }.sorted()
        return try paths.map { path in
            SwiftFile(path: "\(folder)/\(path)", text: try String(contentsOfFile: "\(top)/\(path)", encoding: .utf8))
        }
    }
}

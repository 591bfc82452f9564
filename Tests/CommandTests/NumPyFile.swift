import Foundation

/// A NumPy array file of 32- or 64-bit floats, row-major.
struct NumPyFile {
    let shape: [Int]
    let values: [Double]

    init(path: String) throws {
        let data = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        let start = 10 + Int(data[8]) + Int(data[9]) << 8
        let header = String(decoding: data[10..<start], as: UTF8.self)
        guard let shape = header.firstMatch(of: /'shape': \(([0-9, ]*)\)/) else {
            throw CocoaError(.fileReadCorruptFile)
        }
        self.shape = shape.1.split(separator: ",").compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
        let count = self.shape.reduce(1, *)
        values = data[start...].withUnsafeBytes { bytes in
            (0..<count).map { index in
                header.contains("<f4")
                    ? Double(bytes.loadUnaligned(fromByteOffset: index * 4, as: Float.self))
                    : bytes.loadUnaligned(fromByteOffset: index * 8, as: Double.self)
            }
        }
    }
}

/// Cells of comma-separated text (RFC 4180).
package enum CSVText {
    /// Appends a cell, in quotes where it holds a comma, a quote or the end of a line.
    package static func append(cell bytes: some Collection<UInt8>, to out: inout [UInt8]) {
        let special: [UInt8] = [UInt8(ascii: ","), UInt8(ascii: "\""), 0x0A, 0x0D]
        guard bytes.contains(where: { special.contains($0) }) else {
            out.append(contentsOf: bytes)
            return
        }
        out.append(UInt8(ascii: "\""))
        for byte in bytes {
            if byte == UInt8(ascii: "\"") { out.append(byte) }
            out.append(byte)
        }
        out.append(UInt8(ascii: "\""))
    }
}

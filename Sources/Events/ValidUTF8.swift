/// Whether the bytes are well-formed UTF-8 (Unicode 15, table 3-7).
package func isValidUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var at = 0
    let count = bytes.count
    while at &+ 8 <= count {
        if bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self) & 0x8080_8080_8080_8080 != 0 { break }
        at &+= 8
    }
    func continuation(_ at: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
        at < count && range.contains(bytes[at])
    }
    while at < count {
        switch bytes[at] {
        case 0...0x7F: at += 1
        case 0xC2...0xDF:
            guard continuation(at + 1) else { return false }
            at += 2
        case 0xE0...0xEF:
            let second: ClosedRange<UInt8> =
                bytes[at] == 0xE0 ? 0xA0...0xBF : bytes[at] == 0xED ? 0x80...0x9F : 0x80...0xBF
            guard continuation(at + 1, second), continuation(at + 2) else { return false }
            at += 3
        case 0xF0...0xF4:
            let second: ClosedRange<UInt8> =
                bytes[at] == 0xF0 ? 0x90...0xBF : bytes[at] == 0xF4 ? 0x80...0x8F : 0x80...0xBF
            guard continuation(at + 1, second), continuation(at + 2), continuation(at + 3) else { return false }
            at += 4
        default: return false
        }
    }
    return true
}

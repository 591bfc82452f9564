extension UnsafeRawBufferPointer {
    /// No bytes.
    static var empty: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }
}

/// Comparing and scanning eight bytes at a time.
extension UnsafeRawBufferPointer {
    /// The eight bytes from `at` on; the first is the lowest.
    @inlinable @inline(__always)
    func word(_ at: Int) -> UInt64 { UInt64(littleEndian: loadUnaligned(fromByteOffset: at, as: UInt64.self)) }

    /// The four bytes from `at` on; the first is the lowest.
    @inlinable @inline(__always)
    func halfWord(_ at: Int) -> UInt32 { UInt32(littleEndian: loadUnaligned(fromByteOffset: at, as: UInt32.self)) }

    /// Whether both hold the same bytes.
    /// - Complexity: O(bytes) for equal counts, else O(1).
    @inlinable @inline(__always)
    package func hasSameBytes(as other: UnsafeRawBufferPointer) -> Bool {
        let count = count
        guard count == other.count else { return false }
        if count >= 8 {
            var at = 0
            while at &+ 8 <= count {
                if word(at) != other.word(at) { return false }
                at &+= 8
            }
            // The last eight, some of them for the second time.
            return word(count &- 8) == other.word(count &- 8)
        }
        if count >= 4 {
            return halfWord(0) == other.halfWord(0) && halfWord(count &- 4) == other.halfWord(count &- 4)
        }
        for at in 0..<count where self[at] != other[at] { return false }
        return true
    }

    /// Whether every byte is a decimal digit.
    var isDigits: Bool {
        for byte in self where byte &- 48 >= 10 { return false }
        return true
    }
}

/// Tests of all eight bytes of a word at once. A result has the highest bit of each byte set for which the test holds. Only
/// the lowest such bit is certain, since a borrow may set bits above it.
enum WordScan {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highs: UInt64 = 0x8080_8080_8080_8080

    @inline(__always)
    static func equal(_ word: UInt64, to byte: UInt8) -> UInt64 {
        let difference = word ^ (ones &* UInt64(byte))
        return (difference &- ones) & ~difference & highs
    }

    /// - Parameter bound: at most 128.
    @inline(__always)
    static func below(_ word: UInt64, _ bound: UInt8) -> UInt64 { (word &- ones &* UInt64(bound)) & ~word & highs }

    /// The bytes that are not ASCII; here all bits are certain.
    @inline(__always)
    static func notASCII(_ word: UInt64) -> UInt64 { word & highs }

    /// The index of the lowest byte found, 0 to 7.
    @inline(__always)
    static func first(_ found: UInt64) -> Int { found.trailingZeroBitCount &>> 3 }

    /// The value of eight decimal digits, the first byte the highest; nil if one is none.
    /// After Johnny Lee's and Daniel Lemire's parsing of eight digits in three multiplications (2018).
    @inline(__always)
    static func digits(_ word: UInt64) -> UInt64? {
        let sums = (word &+ 0x4646_4646_4646_4646) | (word &- 0x3030_3030_3030_3030)
        guard sums & highs == 0 else { return nil }
        let pairs = ((word &- 0x3030_3030_3030_3030) &* (10 &* 256 &+ 1)) &>> 8
        let low = (pairs & 0x0000_00FF_0000_00FF) &* 0x000F_4240_0000_0064
        let high = ((pairs &>> 16) & 0x0000_00FF_0000_00FF) &* 0x0000_2710_0000_0001
        return (low &+ high) &>> 32
    }
}

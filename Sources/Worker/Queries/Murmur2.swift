/// The partition that Kafka's own clients put a key into: MurmurHash2 of 32 bits (A. Appleby) with Kafka's seed.
enum Murmur2 {
    static func partition(of key: [UInt8], count: Int) -> Int32 {
        Int32(Int(hash(key) & 0x7FFF_FFFF) % count)
    }

    static func hash(_ key: [UInt8]) -> UInt32 {
        let multiplier: UInt32 = 0x5BD1_E995
        var hash = 0x9747_B28C ^ UInt32(truncatingIfNeeded: key.count)
        for start in stride(from: 0, to: key.count & ~3, by: 4) {
            var word = key[start..<(start + 4)].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            word = word &* multiplier
            word ^= word >> 24
            hash = hash &* multiplier ^ word &* multiplier
        }
        let rest = key[(key.count & ~3)...]
        if !rest.isEmpty {
            hash ^= rest.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            hash = hash &* multiplier
        }
        hash ^= hash >> 13
        hash = hash &* multiplier
        return hash ^ hash >> 15
    }
}

/// A set of small integers, one bit each.
struct Bitmap: Sendable {
    private var words: [UInt64] = []

    init() {}

    /// All of `0..<count`.
    init(upTo count: Int) {
        words = [UInt64](repeating: .max, count: count / 64)
        if count % 64 > 0 { words.append((1 << UInt64(count % 64)) - 1) }
    }

    func contains(_ index: Int) -> Bool {
        let word = index >> 6
        return word < words.count && words[word] >> UInt64(index & 63) & 1 != 0
    }

    mutating func insert(_ index: Int) {
        let word = index >> 6
        if word >= words.count { words.append(contentsOf: repeatElement(0, count: word + 1 - words.count)) }
        words[word] |= 1 << UInt64(index & 63)
    }

    mutating func remove(_ index: Int) {
        let word = index >> 6
        if word < words.count { words[word] &= ~(1 << UInt64(index & 63)) }
    }

    mutating func formUnion(_ other: Bitmap) {
        if words.count < other.words.count {
            words.append(contentsOf: repeatElement(0, count: other.words.count - words.count))
        }
        for word in other.words.indices { words[word] |= other.words[word] }
    }

    /// Follows the last element of an array to the index of a removed one.
    mutating func move(_ last: Int, to index: Int) {
        if contains(last) { insert(index) } else { remove(index) }
        remove(last)
    }

    /// The first member at or after an index.
    func next(from index: Int) -> Int? {
        var word = index >> 6
        guard word < words.count else { return nil }
        var bits = words[word] & (UInt64.max << UInt64(index & 63))
        while bits == 0 {
            word += 1
            guard word < words.count else { return nil }
            bits = words[word]
        }
        return word << 6 + bits.trailingZeroBitCount
    }
}

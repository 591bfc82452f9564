extension String {
    /// The candidate with the smallest edit distance, if that is small enough for a typing error; `nil` otherwise. Ties go to
    /// the first in order.
    /// - Complexity: O(candidates × n × m) in the lengths.
    package func nearest(in candidates: Set<String>) -> String? {
        let limit = max(2, count / 4)
        return candidates.sorted()
            .filter { abs($0.utf8.count - utf8.count) <= limit }
            .map { (candidate: $0, edits: edits(to: $0)) }
            .filter { $0.edits <= limit }
            .min { $0.edits < $1.edits }?.candidate
    }

    /// The Levenshtein distance in bytes.
    ///
    /// - Complexity: O(*n* · *m*) time, O(*m*) space.
    func edits(to other: String) -> Int {
        let other = Array(other.utf8)
        var row = Array(0...other.count)
        for (index, byte) in utf8.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in other.indices {
                let replaced = diagonal + (byte == other[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = Swift.min(replaced, diagonal + 1, row[column] + 1)
            }
        }
        return row[other.count]
    }
}

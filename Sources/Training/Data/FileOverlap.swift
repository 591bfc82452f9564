import Events

/// Finds rows that stand in two files of a history and would count twice.
struct FileOverlap {
    private var earlier: Set<UInt64> = []
    private var current: Set<UInt64> = []
    private var (earlierLast, currentLast) = (Int64.min, Int64.min)
    /// Rows that an earlier file has too.
    private(set) var count = 0
    private var first: History.Place?

    /// The next file begins.
    mutating func beginFile() {
        earlier.formUnion(current)
        earlierLast = max(earlierLast, currentLast)
        (current, currentLast) = ([], .min)
    }

    /// Notes a row.
    /// - Parameter hash: of all its fields.
    mutating func note(_ hash: UInt64, time: Int64, at place: History.Place) {
        // A cut may go through an invoice that has a line twice.
        if time != earlierLast, earlier.contains(hash) {
            count += 1
            first = first ?? place
        }
        current.insert(hash)
        currentLast = max(currentLast, time)
    }

    /// What is wrong with the files; `nil` if nothing is.
    func problem(of history: History) -> String? {
        guard let first else { return nil }
        return
            "\(count) rows are in an earlier file too and would count twice, the first of them at \(history.text(first)): "
            + "give each event in one file"
    }
}

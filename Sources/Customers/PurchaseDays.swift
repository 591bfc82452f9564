import Events

/// The UTC days on which a customer bought, within the longest window, and the gaps between them in order of length.
///
/// At most 365 days, so at most 364 gaps: bounded whatever the customer does.
public struct PurchaseDays: Equatable, Sendable {
    /// Days since 1970-01-01, ascending.
    public private(set) var days: [Int32] = []
    /// Gaps between neighbouring days, in days, ascending.
    public private(set) var sortedGaps: [Int32] = []
    /// Of the gaps, and of their squares.
    public private(set) var gapSum: Int64 = 0
    public private(set) var gapSquareSum: Int64 = 0

    @usableFromInline
    init() {}

    /// - Parameter days: ascending.
    init(days: [Int32]) {
        self.days = days
        sortedGaps = zip(days, days.dropFirst()).map { $1 - $0 }.sorted()
        for gap in sortedGaps { add(gap, 1) }
    }

    /// Adds a day, in the order of time wherever it arrives.
    /// - Complexity: O(1) for a day that is there already as the latest; O(365) for a new one, once a customer's day.
    @usableFromInline
    mutating func insert(_ day: Int32) {
        if let last = days.last, last <= day {
            if last < day {
                days.append(day)
                insertGap(day - last)
            }
            return
        }
        let at = days.partitioningIndex { $0 >= day }
        if at < days.count, days[at] == day { return }
        if at > 0 {
            if at < days.count { removeGap(days[at] - days[at - 1]) }
            insertGap(day - days[at - 1])
        }
        if at < days.count { insertGap(days[at] - day) }
        days.insert(day, at: at)
    }

    /// Drops the days up to and including `day`.
    @usableFromInline
    mutating func expire(upTo day: Int32) {
        guard let first = days.first, first <= day else { return }
        let kept = days.partitioningIndex { $0 > day }
        for at in 0..<kept where at + 1 < days.count { removeGap(days[at + 1] - days[at]) }
        days.removeFirst(kept)
    }

    private mutating func insertGap(_ gap: Int32) {
        sortedGaps.insert(gap, at: sortedGaps.partitioningIndex { $0 >= gap })
        add(gap, 1)
    }

    private mutating func removeGap(_ gap: Int32) {
        sortedGaps.remove(at: sortedGaps.partitioningIndex { $0 >= gap })
        add(gap, -1)
    }

    private mutating func add(_ gap: Int32, _ sign: Int64) {
        gapSum &+= sign &* Int64(gap)
        gapSquareSum &+= sign &* Int64(gap) &* Int64(gap)
    }
}

extension Array {
    /// The first index whose element satisfies the predicate, in an array where all that do come last.
    @inlinable
    func partitioningIndex(where isInSecond: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low &+ high) >> 1
            if isInSecond(self[middle]) { high = middle } else { low = middle &+ 1 }
        }
        return low
    }
}

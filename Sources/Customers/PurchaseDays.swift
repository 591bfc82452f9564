import Events

/// The UTC days of the longest window on which a customer bought, and the gaps between them in order of length.
///
/// At most 365 days and 364 gaps.
public struct PurchaseDays: Equatable, Sendable {
    /// Days since 1970-01-01, ascending.
    public private(set) var days: [Int32] = []
    /// Gaps between neighbouring days, in days, ascending.
    public private(set) var sortedGaps: [Int32] = []
    /// The sum of the gaps, in days.
    public private(set) var gapSum: Int64 = 0
    /// The sum of the squares of the gaps.
    public private(set) var gapSquareSum: Int64 = 0

    @usableFromInline
    init() {}

    /// - Parameter days: ascending.
    init(days: [Int32]) {
        self.days = days
        sortedGaps = zip(days, days.dropFirst()).map { $1 - $0 }.sorted()
        for gap in sortedGaps { add(gap, 1) }
    }

    /// Adds a day, which need not be the latest.
    /// - Complexity: O(1) for the latest day of the set; O(365) for a new one.
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

    /// Removes the days up to and including `day`.
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
    /// The first index whose element satisfies the predicate, where all elements that do are at the end.
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

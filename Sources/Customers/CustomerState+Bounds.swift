import Events

/// Bounds the state of a customer with far more events than a person makes, such as a test account or a reseller's robot.
///
/// The bounds are applied at every 8,192nd event of the customer, so that the state depends on the events alone:
/// - while there are more than 4,096 time buckets, each two neighbours in the older half are merged into the later one;
/// - of more than 65,536 keys (invoices, products, descriptions, days) the older half is forgotten. A forgotten key stays
///   counted where it was, and counts once more if it occurs again.
///
/// So a state has at most 12,288 buckets and 106,496 keys, in less than 6 MiB.
extension CustomerState {
    static let eventsBetweenBounds: Int64 = 8192
    static let bucketLimit = 4096
    static let keyLimit = 65_536

    /// - Complexity: O(buckets + keys), seldom.
    mutating func keepWithinBounds() {
        while bucketCount > Self.bucketLimit { coarsen() }
        // The cached key may be among the forgotten ones and would then have to count again.
        counted = Counted()
        latest.forgetOldest(beyond: Self.keyLimit, deadUpTo: clock &- Windows.longestMilliseconds)
    }

    /// Merges each two neighbouring buckets in the older half into the later one. The times of their keys move along, so
    /// that every key still has a bucket of its time.
    private mutating func coarsen() {
        compact()
        let half = buckets.count / 4 * 2
        let times = buckets[..<half].map(\.time)
        var coarser: [TimeBucket] = []
        coarser.reserveCapacity(buckets.count - half / 2)
        for first in stride(from: 0, to: half, by: 2) {
            var bucket = buckets[first + 1]
            bucket.totals += buckets[first].totals
            coarser.append(bucket)
        }
        coarser += buckets[half...]
        buckets = coarser
        latest.moveTimes { time in
            let at = times.partitioningIndex { $0 >= time }
            return at < half && times[at] == time ? times[at | 1] : time
        }
        // The events of a merged bucket's earlier half may be back in a window that they had left.
        sumWindows()
    }
}

extension LatestTable {
    /// Forgets the older half of the living keys if there are more than `limit`; those of one time go together.
    mutating func forgetOldest(beyond limit: Int, deadUpTo: Int64) {
        guard used > limit else { return }
        let times = slots.filter { $0.key != 0 && $0.time > deadUpTo }.map(\.time)
        guard times.count > limit else { return }
        let forgottenUpTo = times.sorted()[times.count / 2]
        grow(deadUpTo: max(deadUpTo, forgottenUpTo))
    }

    /// Replaces the time of every key.
    mutating func moveTimes(_ newTime: (Int64) -> Int64) {
        for index in slots.indices where slots[index].key != 0 { slots[index].time = newTime(slots[index].time) }
    }
}

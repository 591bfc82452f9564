import Events

/// What keeps the state of a customer bounded who does more than any customer does: a test account, a reseller's robot.
///
/// Looked at once in 8,192 of a customer's events, so that it depends on nothing but the events: then
/// - while there are more than 4,096 instants the older half is made coarser, each two becoming the later of them;
/// - of more than 65,536 keys (invoices, products, descriptions, days) the older half is forgotten; one that comes back
///   counts anew, while it is still counted where it was.
///
/// At most 12,288 instants and 106,496 keys are remembered, in less than 6 MiB a customer.
extension CustomerState {
    static let eventsBetweenBounds: Int64 = 8192
    static let momentLimit = 4096
    static let keyLimit = 65_536

    /// - Complexity: O(moments + keys), seldom.
    mutating func keepWithinBounds() {
        while momentCount > Self.momentLimit { coarsen() }
        // Counted or not, what is forgotten counts anew.
        counted = Counted()
        latest.forgetOldest(beyond: Self.keyLimit, deadUpTo: clock &- Windows.longestMilliseconds)
    }

    /// Makes one instant of each two in the older half. Keys go along, so that each still has an instant of its time.
    private mutating func coarsen() {
        compact()
        let half = moments.count / 4 * 2
        let times = moments[..<half].map(\.time)
        var coarser: [Moment] = []
        coarser.reserveCapacity(moments.count - half / 2)
        for first in stride(from: 0, to: half, by: 2) {
            var moment = moments[first + 1]
            moment.totals += moments[first].totals
            coarser.append(moment)
        }
        coarser += moments[half...]
        moments = coarser
        latest.moveTimes { time in
            let at = times.partitioningIndex { $0 >= time }
            return at < half && times[at] == time ? times[at | 1] : time
        }
        // An instant may have been moved back into a window that it had left.
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

    mutating func moveTimes(_ newTime: (Int64) -> Int64) {
        for index in slots.indices where slots[index].key != 0 { slots[index].time = newTime(slots[index].time) }
    }
}

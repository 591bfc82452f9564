/// Pending predictions that are due in the order of their times, not of the log: the few that are far ahead of the partition.
struct DeferredPredictions: Sendable {
    /// A prediction and its event time in milliseconds.
    struct Entry: Equatable, Sendable {
        let time: Int64
        let number: Int
    }

    /// Latest first, so that the next one is cheap to remove.
    private(set) var entries: [Entry] = []

    /// The one that is due first.
    var next: Entry? { entries.last }

    /// - Complexity: O(entries).
    mutating func insert(_ number: Int, time: Int64) {
        entries.insert(Entry(time: time, number: number), at: place(of: number, time))
    }

    /// - Complexity: O(entries).
    mutating func remove(_ number: Int, time: Int64) {
        let place = place(of: number, time)
        precondition(place < entries.count && entries[place].number == number)
        entries.remove(at: place)
    }

    /// Removes predictions with lower numbers than `first`.
    mutating func removeAll(before first: Int) { entries.removeAll { $0.number < first } }

    private func place(of number: Int, _ time: Int64) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) >> 1
            if (entries[middle].time, entries[middle].number) > (time, number) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }
}

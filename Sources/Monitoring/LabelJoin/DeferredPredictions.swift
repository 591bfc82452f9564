/// Pending predictions that are due in the order of their times, not of the log: the few that are far ahead of the partition.
struct DeferredPredictions: Sendable {
    /// A prediction and its event time in milliseconds.
    struct Entry: Equatable, Sendable {
        let time: Int64
        let number: Int
    }

    /// Earliest first; those before `head` are gone. What is furthest ahead is added at the end, which is cheap.
    private var all: [Entry] = []
    private var head = 0

    /// All, earliest first.
    var entries: ArraySlice<Entry> { all[head...] }
    /// The one that is due first.
    var next: Entry? { head < all.count ? all[head] : nil }

    /// - Complexity: O(entries that are due later).
    mutating func insert(_ number: Int, time: Int64) {
        all.insert(Entry(time: time, number: number), at: place(of: number, time))
    }

    /// - Complexity: O(1) amortised for the next one, else O(entries that are due later).
    mutating func remove(_ number: Int, time: Int64) {
        let place = place(of: number, time)
        precondition(place < all.count && all[place].number == number)
        guard place == head else {
            all.remove(at: place)
            return
        }
        head += 1
        if head > all.count / 2 {
            all.removeFirst(head)
            head = 0
        }
    }

    /// Removes predictions with lower numbers than `first`.
    mutating func removeAll(before first: Int) {
        guard head < all.count else { return }
        all = all[head...].filter { $0.number >= first }
        head = 0
    }

    private func place(of number: Int, _ time: Int64) -> Int {
        var (low, high) = (head, all.count)
        while low < high {
            let middle = (low + high) >> 1
            if (all[middle].time, all[middle].number) < (time, number) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// The latest time of each key of one customer: open addressing with linear probing.
///
/// Keys whose latest time has left the longest window are dead. They read as absent and are dropped when the table would
/// grow, so that its size follows the most keys that the window has held.
@usableFromInline
struct LatestTable: Sendable {
    @usableFromInline
    struct Slot: Sendable {
        /// 0 marks a free slot.
        @usableFromInline var key: UInt64
        @usableFromInline var time: Int64
        @inlinable
        init(key: UInt64, time: Int64) {
            self.key = key
            self.time = time
        }
    }

    @usableFromInline var slots: [Slot] = []
    @usableFromInline var used = 0

    @inlinable
    init() {}

    /// An empty table with room for so many keys without growing.
    init(capacityFor count: Int) {
        guard count > 0 else { return }
        slots = [Slot](repeating: Slot(key: 0, time: 0), count: Self.capacity(for: count))
    }

    private static func capacity(for count: Int) -> Int {
        var capacity = 8
        while capacity < count * 2 + 2 { capacity *= 2 }
        return capacity
    }

    /// Records that `key` occurred at `time`. An occurrence before the recorded one changes nothing.
    /// - Parameter deadUpTo: keys with a latest time up to this one are dead.
    /// - Returns: the key's latest time before this call; `nil` for a new or dead key.
    /// - Complexity: O(1) amortised.
    @inlinable
    mutating func record(_ key: UInt64, at time: Int64, deadUpTo: Int64) -> Int64? {
        if used &* 4 >= slots.count &* 3 { grow(deadUpTo: deadUpTo) }
        let mask = slots.count &- 1
        var index = Int(truncatingIfNeeded: key) & mask
        while true {
            let slot = slots[index]
            if slot.key == key {
                let isLive = slot.time > deadUpTo
                if !isLive || time > slot.time { slots[index].time = time }
                return isLive ? slot.time : nil
            }
            if slot.key == 0 {
                slots[index] = Slot(key: key, time: time)
                used &+= 1
                return nil
            }
            index = (index &+ 1) & mask
        }
    }

    @usableFromInline
    mutating func grow(deadUpTo: Int64) {
        let all = slots
        func isLive(_ slot: Slot) -> Bool { slot.key != 0 && slot.time > deadUpTo }
        used = all.reduce(0) { isLive($1) ? $0 + 1 : $0 }
        let capacity = Self.capacity(for: used)
        slots = [Slot](repeating: Slot(key: 0, time: 0), count: capacity)
        let mask = capacity - 1
        for slot in all where isLive(slot) {
            var index = Int(truncatingIfNeeded: slot.key) & mask
            while slots[index].key != 0 { index = (index + 1) & mask }
            slots[index] = slot
        }
    }
}

import Customers
import Ensemble
import Events

/// Gives a partition's predictions their labels as later events arrive: bought again within the horizon, or the horizon
/// has passed in event time.
///
/// A prediction at t within an invoice is of one who bought again as soon as a purchase line of another invoice of the same
/// customer has a time s with t < s ≤ t + horizon, and of one who did not once the partition's clock is beyond
/// t + horizon. That is the label that training and evaluation use, but for events that arrive later than what they would
/// have decided. What it makes of the events depends on them and their order alone. Owned by one thread.
public struct Grader: Sendable {
    /// A label that has become known.
    public struct Outcome: Sendable {
        public let prediction: GradedPrediction
        public var isBought: Bool { prediction.label == .bought }
        /// Event time of the purchase, milliseconds; `nil` when there was none.
        public let boughtAt: Int64?
    }

    /// The model that predictions are of.
    public struct Version: Sendable, Equatable {
        public let version: String
        public let servingModel: ModelName
        public let models: [ModelName]

        public init(version: String, servingModel: ModelName, models: [ModelName]) {
            self.version = version
            self.servingModel = servingModel
            self.models = Array(models.prefix(5))
        }
    }

    /// Where a customer's waiting predictions begin: numbers of predictions plus one, 0 for none.
    private struct Waiting {
        var customerHash: UInt64
        /// The invoice of the customer's latest prediction.
        var invoiceHash: UInt64
        /// Predictions of that invoice: the latest, and the earliest.
        var current: Int
        var currentEnd: Int
        /// The latest of all others; each leads to the one before it.
        var older: Int
    }

    private let window: Int64
    private let limit: Int
    public internal(set) var versions: [Version] = []
    private var version = 0
    /// Consecutive; the first has the number `firstChunk`.
    private(set) var chunks: [PredictionChunk] = []
    private(set) var firstChunk = 0
    private(set) var clock = PartitionClock()
    /// Offset behind the last message that was taken; those before it are passed over.
    public private(set) var next: Int64 = 0
    /// The first prediction that waits.
    private var cursor = 0
    private var slots: [Waiting] = []
    private var used = 0
    /// Customers whose hashes' upper half lies below are graded.
    private(set) var sampledBelow = UInt64(1) << 32
    /// Chunks that have gone since the snapshot before.
    private(set) var removed: Range<Int> = 0..<0
    private var count = 0
    private var snapshot: Snapshot?

    /// - Parameters:
    ///   - windowDays: for how long after their horizons, in event time, predictions count.
    ///   - limit: most predictions kept; beyond, the customers are sampled, half as many each time. 88 bytes each.
    public init(windowDays: Int, limit: Int) {
        window = Int64(windowDays) * EventTime.millisecondsPerDay
        self.limit = max(limit, PredictionChunk.limit)
        slots = Self.emptySlots(64)
    }

    /// Names the model that predictions are of from now on.
    public mutating func use(_ version: Version) {
        if let known = versions.firstIndex(of: version) {
            self.version = known
            return
        }
        self.version = versions.count
        versions.append(version)
    }

    /// Times of predictions that figures are of: those whose horizons have passed. A label that is known before is always
    /// that of somebody who bought, so that figures of what is known alone would flatter.
    private var counting: Range<Int64> {
        let end = clock.time - PurchaseLog.horizon
        return (end - window)..<end
    }

    public var sampledShare: Double { Double(sampledBelow) / Double(UInt64(1) << 32) }

    /// Takes the next event, with the prediction that it led to.
    /// - Parameters:
    ///   - time: of the event, milliseconds.
    ///   - clock: the instant that the prediction is of: the customer's latest event time.
    ///   - offset: of its message; one that was taken before is passed over.
    ///   - outcome: told of each label that becomes known by it.
    /// - Complexity: O(1) amortised.
    public mutating func take(
        customerHash: UInt64, invoiceHash: UInt64, time: Int64, clock instant: Int64, isPurchase: Bool, scores: Scores,
        offset: Int64, outcome: (Outcome) throws -> Void
    ) rethrows {
        guard offset >= next else { return }
        next = offset + 1
        if customerHash >> 32 < sampledBelow {
            try takeSampled(customerHash, invoiceHash, time, instant, isPurchase, scores, offset, outcome)
        }
        clock.observe(time)
        try expire(outcome)
    }

    private mutating func takeSampled(
        _ customerHash: UInt64, _ invoiceHash: UInt64, _ time: Int64, _ instant: Int64, _ isPurchase: Bool,
        _ scores: Scores,
        _ offset: Int64, _ outcome: (Outcome) throws -> Void
    ) rethrows {
        let slot = slot(of: customerHash, invoiceHash)
        turn(slot, to: invoiceHash)
        if isPurchase, slots[slot].older != 0 { try buy(slot, invoiceHash, time, outcome) }
        let models = versions[version].models
        var prediction = GradedPrediction(
            time: instant, offset: offset, customerHash: customerHash, invoiceHash: invoiceHash,
            probabilities: InlineArray { $0 < models.count ? scores[models[$0]] : 0 }, version: UInt16(version))
        let number = append(&prediction, after: slots[slot].current)
        slots[slot].current = number + 1
        if slots[slot].currentEnd == 0 { slots[slot].currentEnd = number + 1 }
        if count > limit { sample() }
    }

    /// - Parameter previous: number of the one before it in its chain, plus one.
    private mutating func append(_ prediction: inout GradedPrediction, after previous: Int) -> Int {
        if chunks.last?.predictions.count ?? PredictionChunk.limit == PredictionChunk.limit {
            chunks.append(PredictionChunk())
        }
        let number =
            (firstChunk + chunks.count - 1) * PredictionChunk.limit + chunks[chunks.count - 1].predictions.count
        prediction.previous = previous == 0 ? 0 : UInt32(number + 1 - previous)
        chunks[chunks.count - 1].append(prediction)
        count += 1
        return number
    }

    /// The customer's invoice may have changed: what waits of the one before is of another invoice from now on.
    private mutating func turn(_ slot: Int, to invoiceHash: UInt64) {
        let waiting = slots[slot]
        guard waiting.invoiceHash != invoiceHash else { return }
        slots[slot].invoiceHash = invoiceHash
        guard waiting.current != 0 else { return }
        link(waiting.currentEnd, to: waiting.older)
        slots[slot].older = waiting.current
        slots[slot].current = 0
        slots[slot].currentEnd = 0
    }

    /// A purchase line: what it decides among the customer's predictions of other invoices.
    private mutating func buy(
        _ slot: Int, _ invoiceHash: UInt64, _ time: Int64, _ outcome: (Outcome) throws -> Void
    ) rethrows {
        var at = slots[slot].older
        var kept = 0
        slots[slot].older = 0
        while at != 0, at > firstChunk * PredictionChunk.limit {
            let prediction = self[at - 1]
            let previous = prediction.previous == 0 ? 0 : at - Int(prediction.previous)
            if prediction.label == .pending {
                let isDecided =
                    prediction.invoiceHash != invoiceHash && prediction.time < time
                    && time <= prediction.time + PurchaseLog.horizon
                if isDecided {
                    try settle(at - 1, .bought, at: time, outcome)
                } else {
                    if kept == 0 { slots[slot].older = at } else { link(kept, to: at) }
                    kept = at
                }
            }
            at = previous
        }
        if kept != 0 { link(kept, to: 0) }
    }

    /// Predictions whose horizon has passed, in the order of the log.
    private mutating func expire(_ outcome: (Outcome) throws -> Void) rethrows {
        let end = firstChunk * PredictionChunk.limit + count
        while cursor < end {
            let prediction = self[cursor]
            if prediction.label == .pending {
                guard clock.time > prediction.time + PurchaseLog.horizon else { break }
                try settle(cursor, .notBought, at: nil, outcome)
            }
            cursor += 1
        }
        while chunks.count > 1, chunks[0].pending == 0, chunks[0].latestTime < counting.lowerBound { removeFirst() }
    }

    private mutating func settle(
        _ number: Int, _ label: GradedPrediction.Label, at time: Int64?, _ outcome: (Outcome) throws -> Void
    ) rethrows {
        let (chunk, place) = (number / PredictionChunk.limit - firstChunk, number % PredictionChunk.limit)
        chunks[chunk].settle(place, label)
        try outcome(Outcome(prediction: chunks[chunk].predictions[place], boughtAt: time))
    }

    private mutating func removeFirst() {
        count -= chunks[0].predictions.count
        chunks.removeFirst()
        removed = (removed.isEmpty ? firstChunk : removed.lowerBound)..<(firstChunk + 1)
        firstChunk += 1
    }

    private subscript(number: Int) -> GradedPrediction {
        chunks[number / PredictionChunk.limit - firstChunk].predictions[number % PredictionChunk.limit]
    }

    /// Both by number plus one.
    private mutating func link(_ prediction: Int, to previous: Int) {
        let number = prediction - 1
        let chunk = number / PredictionChunk.limit - firstChunk
        if chunk < 0 { return }
        chunks[chunk].predictions[number % PredictionChunk.limit].previous =
            previous == 0 ? 0 : UInt32(prediction - previous)
    }

    // MARK: Customers

    private static func emptySlots(_ count: Int) -> [Waiting] {
        Array(
            repeating: Waiting(customerHash: 0, invoiceHash: 0, current: 0, currentEnd: 0, older: 0), count: count)
    }

    /// The customer's slot, made if there is none: open addressing, as in `CustomerTable`.
    private mutating func slot(of customerHash: UInt64, _ invoiceHash: UInt64) -> Int {
        // 0 marks a free slot; who hashes to it shares the one of 1.
        let key = max(customerHash, 1)
        if used * 2 >= slots.count { makeRoom() }
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: key) & mask
        while slots[slot].customerHash != key {
            if slots[slot].customerHash == 0 {
                slots[slot].customerHash = key
                slots[slot].invoiceHash = invoiceHash
                used += 1
                break
            }
            slot = (slot + 1) & mask
        }
        return slot
    }

    /// Keeps the customers of whom something waits.
    private mutating func makeRoom() {
        let first = firstChunk * PredictionChunk.limit
        let kept = slots.filter { $0.customerHash != 0 && ($0.current > first || $0.older > first) }
        var size = 64
        while size < kept.count * 4 { size *= 2 }
        slots = Self.emptySlots(size)
        used = kept.count
        for waiting in kept {
            var slot = Int(truncatingIfNeeded: waiting.customerHash) & (size - 1)
            while slots[slot].customerHash != 0 { slot = (slot + 1) & (size - 1) }
            slots[slot] = waiting
        }
    }

    // MARK: Bounds

    /// Grades half of the customers from now on: those whose hashes are lower. That depends on the log alone.
    private mutating func sample() {
        sampledBelow /= 2
        rebuild(chunks.flatMap(\.predictions).filter { $0.customerHash >> 32 < sampledBelow })
    }

    /// Begins anew with these predictions, in the order of the log.
    private mutating func rebuild(_ predictions: [GradedPrediction]) {
        let gone = firstChunk..<(firstChunk + chunks.count)
        removed = removed.isEmpty ? gone : removed.lowerBound..<gone.upperBound
        firstChunk = gone.upperBound
        chunks = []
        count = 0
        slots = Self.emptySlots(64)
        used = 0
        for var prediction in predictions {
            guard prediction.label == .pending else {
                _ = append(&prediction, after: 0)
                continue
            }
            let slot = slot(of: prediction.customerHash, prediction.invoiceHash)
            turn(slot, to: prediction.invoiceHash)
            let number = append(&prediction, after: slots[slot].current)
            slots[slot].current = number + 1
            if slots[slot].currentEnd == 0 { slots[slot].currentEnd = number + 1 }
        }
        cursor = firstChunk * PredictionChunk.limit
    }

    // MARK: Pictures and checkpoints

    /// What is known now. It shares memory with the grader until that changes.
    public var picture: GradingPicture {
        GradingPicture(
            versions: versions, chunks: chunks, sampledShare: sampledShare, counting: counting)
    }

    private struct Snapshot: Sendable {
        var removed: Range<Int>
        var chunks: [(number: Int, chunk: PredictionChunk)]
        let head: [UInt8]
        /// To be changed again if the snapshot is given up.
        let numbers: [Int]
        let allRemoved: Range<Int>
    }

    /// Number of the record that says how far the grader had come.
    private static let headNumber: UInt64 = 0

    /// Begins a snapshot of what there is now; it stays as it is while the grader goes on.
    /// - Parameters:
    ///   - isFull: else of what has changed since the snapshot before.
    ///   - offset: behind the last message, with or without a prediction, that led to this.
    public mutating func beginSnapshot(isFull: Bool, upTo offset: Int64) {
        giveUpSnapshot()
        var head = ByteWriter()
        head.signed(max(offset, next))
        clock.encode(into: &head)
        head.varint(sampledBelow)
        head.varint(UInt64(firstChunk))
        head.varint(UInt64(chunks.count))
        head.varint(UInt64(versions.count))
        for version in versions {
            head.counted(version.version)
            head.counted(version.servingModel.rawValue)
            head.varint(UInt64(version.models.count))
            for model in version.models { head.counted(model.rawValue) }
        }
        let wanted = chunks.indices.filter { isFull || chunks[$0].isChanged }
        snapshot = Snapshot(
            removed: isFull ? 0..<0 : removed, chunks: wanted.map { (firstChunk + $0, chunks[$0]) }.reversed(),
            head: head.take(), numbers: wanted.map { firstChunk + $0 }, allRemoved: removed)
        for chunk in wanted { chunks[chunk].isChanged = false }
        removed = 0..<0
    }

    /// The next record of the snapshot under way; `nil` when there is none any more.
    ///
    /// The predictions come first, then how far the grader had come: whoever has that has all of them.
    /// - Returns: the record's number and its bytes; none for one that has gone.
    public mutating func nextRecord() -> (number: UInt64, bytes: [UInt8])? {
        if let removed = snapshot?.removed, let gone = removed.first {
            snapshot?.removed = removed.dropFirst()
            return (UInt64(gone) + 1, [])
        }
        if let (number, chunk) = snapshot?.chunks.popLast() {
            var writer = ByteWriter()
            chunk.encode(into: &writer)
            return (UInt64(number) + 1, writer.take())
        }
        guard let head = snapshot?.head else { return nil }
        snapshot = nil
        return (Self.headNumber, head)
    }

    /// Ends a snapshot that will not be finished.
    public mutating func giveUpSnapshot() {
        guard let snapshot else { return }
        for number in snapshot.numbers where number >= firstChunk { chunks[number - firstChunk].isChanged = true }
        if !snapshot.allRemoved.isEmpty {
            removed = snapshot.allRemoved.lowerBound..<max(snapshot.allRemoved.upperBound, removed.upperBound)
        }
        self.snapshot = nil
    }

    /// Takes up what a snapshot's records say.
    /// - Parameters:
    ///   - records: by number.
    ///   - offset: up to which the stream will not be seen again.
    /// - Throws: `StateError` when they are not whole; the grader is as it was then.
    public mutating func restore(
        _ records: [UInt64: [UInt8]], atLeastUpTo offset: Int64
    ) throws(StateError) {
        guard let head = records[Self.headNumber] else { throw StateError("graded predictions without a head") }
        var restored = self
        try head.withReader { reader throws(StateError) in
            restored.next = try reader.signed()
            restored.clock = try PartitionClock(decoding: &reader)
            restored.sampledBelow = try reader.varint()
            let first = try reader.varint()
            let count = try reader.varint()
            guard restored.next >= offset else {
                throw StateError("graded predictions up to offset \(restored.next), before the state's \(offset)")
            }
            guard restored.next >= 0, restored.sampledBelow <= UInt64(1) << 32, first < 1 << 40, count < 1 << 40 else {
                throw StateError("a grader that cannot be")
            }
            restored.versions = try Self.versions(&reader)
            var predictions: [GradedPrediction] = []
            for number in first..<(first + count) {
                guard let record = records[number + 1],
                    predictions.count == Int(number - first) * PredictionChunk.limit
                else { throw StateError("graded predictions are missing") }
                try record.withReader { reader throws(StateError) in
                    try PredictionChunk.decode(&reader, versions: restored.versions.count, into: &predictions)
                }
            }
            // A later snapshot may have been begun and not finished: what it holds of later messages will come again.
            while let last = predictions.last, last.offset >= restored.next { predictions.removeLast() }
            restored.firstChunk = Int(first)
            restored.chunks = []
            restored.rebuild(predictions)
            // They stand under the numbers that they had.
            restored.removed = 0..<0
            for chunk in restored.chunks.indices { restored.chunks[chunk].isChanged = false }
        }
        let version = versions.indices.contains(self.version) ? versions[self.version] : nil
        self = restored
        if let version { use(version) }
    }

    private static func versions(_ reader: inout ByteReader) throws(StateError) -> [Version] {
        func model(_ reader: inout ByteReader) throws(StateError) -> ModelName {
            guard let model = ModelName(rawValue: try reader.text()) else { throw StateError("an unknown model") }
            return model
        }
        var versions: [Version] = []
        for _ in 0..<(try reader.count(ofAtLeast: 3)) {
            let name = try reader.text()
            let serving = try model(&reader)
            var models: [ModelName] = []
            for _ in 0..<(try reader.count(ofAtLeast: 1)) { models.append(try model(&reader)) }
            guard (1...5).contains(models.count), models.contains(serving) else { throw StateError("no models") }
            versions.append(Version(version: name, servingModel: serving, models: models))
        }
        return versions
    }
}

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
package struct Grader: Sendable {
    /// A label that has become known.
    package struct Outcome: Sendable {
        package let prediction: GradedPrediction
        package var isBought: Bool { prediction.label == .bought }
        /// Event time of the purchase, milliseconds; `nil` when there was none.
        package let boughtAt: Int64?
    }

    /// Told of a label that becomes known.
    /// - Parameters:
    ///   - offset: of the event by which it does.
    ///   - outcome: the whole of it, for who needs it: the prediction lies in memory that has long been left.
    package typealias OutcomeHandler = (_ isBought: Bool, _ offset: Int64, _ outcome: () -> Outcome) throws -> Void

    private let window: Int64
    private let limit: Int
    package internal(set) var versions: [Version] = []
    private var version = 0
    /// Whether its models are all there are, in their order.
    private var hasAllModels = false
    /// Consecutive; the first has the number `firstChunk`.
    private(set) var chunks: [PredictionChunk] = []
    private(set) var firstChunk = 0
    private(set) var clock = PartitionClock()
    /// Offset behind the last message that was taken; those before it are passed over.
    package private(set) var next: Int64 = 0
    /// The first prediction that waits.
    private var cursor = 0
    /// Whether it was found waiting and has not been settled since: until the clock moves, nothing can expire then.
    private var isBlocked = false
    /// The clock when it was looked at last.
    private var expiredAt: Int64 = 0
    private var customers = WaitingCustomers()
    /// Customers whose hashes' upper half lies below are graded.
    private(set) var sampledBelow = UInt64(1) << 32
    /// Chunks that have gone since the snapshot before.
    private(set) var removed: Range<Int> = 0..<0
    private var count = 0
    private var snapshot: Snapshot?

    /// - Parameters:
    ///   - windowDays: for how long after their horizons, in event time, predictions count.
    ///   - limit: most predictions kept; beyond, the customers are sampled, half as many each time. 88 bytes each.
    package init(windowDays: Int, limit: Int) {
        window = Int64(windowDays) * EventTime.millisecondsPerDay
        self.limit = max(limit, PredictionChunk.limit)
    }

    /// Names the model that predictions are of from now on.
    package mutating func use(_ version: Version) {
        hasAllModels = version.models == ModelName.allCases
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

    package var sampledShare: Double { Double(sampledBelow) / Double(UInt64(1) << 32) }

    /// How many events ahead a customer's slot is asked for, and the predictions that it leads to.
    private static let slotDistance = 8
    private static let predictionDistance = 4
    /// How many of a customer's predictions ahead one is asked for.
    private static let chainDistance = 4

    /// Begins a batch of the events that come next.
    package func begin(_ batch: inout Batch) { batch.begin(from: next, sampledBelow: sampledBelow) }

    /// Takes a batch's events, one after the other.
    /// - Complexity: O(events) amortised.
    package mutating func take(_ batch: Batch, onOutcome: OutcomeHandler) rethrows {
        var passed = 0
        try batch.events.withUnsafeBufferPointer { events in
            for turn in events.indices {
                // Which customers come is no order that the processor could foresee.
                if turn + Self.slotDistance < events.count {
                    customers.fetch(events[turn + Self.slotDistance].customerHash)
                }
                if turn + Self.predictionDistance < events.count { fetch(events[turn + Self.predictionDistance]) }
                pass(batch.times[passed..<events[turn].passed])
                passed = events[turn].passed
                try take(events[turn], onOutcome)
            }
        }
        pass(batch.times[passed...])
        next = batch.next
    }

    /// Times of events of customers who are not graded.
    private mutating func pass(_ times: ArraySlice<Int64>) {
        for time in times { clock.observe(time) }
    }

    private mutating func take(_ event: Event, _ onOutcome: OutcomeHandler) rethrows {
        next = event.offset + 1
        // Customers may have been left out since the batch was begun.
        guard event.customerHash >> 32 < sampledBelow else { return clock.observe(event.time) }
        if clock.time != expiredAt { try expire(event.offset, onOutcome) }
        try takeSampled(event, onOutcome)
        clock.observe(event.time)
        if !isBlocked || clock.time != expiredAt { try expire(event.offset, onOutcome) }
    }

    /// Asks for the first prediction that a purchase may decide.
    private func fetch(_ event: Event) {
        guard event.isPurchase, let at = customers.latest(of: event.customerHash, exceptOf: event.invoiceHash) else {
            return
        }
        fetch(at - 1)
    }

    /// Asks for the memory of a prediction, if there is such a one.
    private func fetch(_ number: Int) {
        let (chunk, place) = place(of: number)
        chunks.withUnsafeBufferPointer { chunks in
            if chunks.indices.contains(chunk) { chunks[chunk].fetch(place) }
        }
    }

    private mutating func takeSampled(_ event: Event, _ onOutcome: OutcomeHandler) rethrows {
        let (customerHash, invoiceHash) = (event.customerHash, event.invoiceHash)
        let slot = slot(of: customerHash, invoiceHash)
        turn(slot, to: invoiceHash)
        if event.isPurchase, customers[slot].older != 0 { try buy(slot, event, onOutcome) }
        append(
            PredictionChunk.Case(time: event.instant, invoiceHash: invoiceHash, previous: customers[slot].add(end + 1)),
            PredictionChunk.Content(
                offset: event.offset, customerHash: customerHash, probabilities: probabilities(event.scores),
                version: UInt16(version)))
        if count > limit { sample() }
    }

    private func probabilities(_ scores: Scores) -> InlineArray<5, Double> {
        if hasAllModels {
            return [
                scores.logisticRegression, scores.randomForest, scores.xgboost, scores.stacking, scores.blending,
            ]
        }
        let models = versions[version].models
        return InlineArray { $0 < models.count ? scores[models[$0]] : 0 }
    }

    private mutating func append(_ new: PredictionChunk.Case, _ content: PredictionChunk.Content) {
        if place(of: end).place == 0 { chunks.append(PredictionChunk()) }
        chunks[chunks.count - 1].append(new, content)
        count += 1
    }

    /// The customer's invoice may have changed: what waits of the one before is of another invoice from now on.
    private mutating func turn(_ slot: Int, to invoiceHash: UInt64) {
        let waiting = customers[slot]
        guard waiting.invoiceHash != invoiceHash else { return }
        customers[slot].invoiceHash = invoiceHash
        guard waiting.current != 0 else { return }
        customers[slot].older = waiting.current
        customers[slot].current = 0
    }

    /// A purchase line: what it decides among the customer's predictions of other invoices.
    private mutating func buy(_ slot: Int, _ event: Event, _ onOutcome: OutcomeHandler) rethrows {
        let time = event.time
        let (latest, decided) = (customers[slot].older, max(customers[slot].decided, first))
        var at = latest
        var kept = 0
        customers[slot].older = 0
        while at > decided {
            let its = self[at - 1]
            let steps = Int(its.previous)
            // Those of an invoice came at about the same distance from one another.
            fetch(at - 1 - Self.chainDistance * steps)
            if its.label == .pending {
                let isDecided =
                    its.invoiceHash != event.invoiceHash && its.time < time && time <= its.time + PurchaseLog.horizon
                if isDecided {
                    try settle(at - 1, .bought, at: time, by: event.offset, onOutcome)
                } else {
                    if kept == 0 { customers[slot].older = at } else { link(kept, to: at) }
                    kept = at
                }
            }
            at = steps == 0 ? 0 : at - steps
        }
        if kept != 0 { link(kept, to: 0) } else { customers[slot].decided = latest }
    }

    /// Predictions whose horizon has passed by the event at an offset, one of a graded customer, in the order of the log.
    private mutating func expire(_ offset: Int64, _ onOutcome: OutcomeHandler) rethrows {
        isBlocked = false
        expiredAt = clock.time
        while cursor < end {
            let its = self[cursor]
            if its.label == .pending {
                guard clock.time > its.time + PurchaseLog.horizon else {
                    isBlocked = true
                    break
                }
                try settle(cursor, .notBought, at: nil, by: offset, onOutcome)
            }
            cursor += 1
        }
        while chunks.count > 1, chunks[0].pending == 0, chunks[0].latestTime < counting.lowerBound { removeFirst() }
    }

    private mutating func settle(
        _ number: Int, _ label: GradedPrediction.Label, at time: Int64?, by offset: Int64, _ onOutcome: OutcomeHandler
    ) rethrows {
        if number == cursor { isBlocked = false }
        let (chunk, place) = place(of: number)
        chunks[chunk].settle(place, label)
        try onOutcome(label == .bought, offset) { Outcome(prediction: chunks[chunk][place], boughtAt: time) }
    }

    private mutating func removeFirst() {
        count -= chunks[0].count
        chunks.removeFirst()
        removed = (removed.isEmpty ? firstChunk : removed.lowerBound)..<(firstChunk + 1)
        firstChunk += 1
    }

    /// Numbers of predictions below this have gone.
    private var first: Int { firstChunk * PredictionChunk.limit }
    /// Of the next one. All chunks but the last are full.
    private var end: Int { first + count }

    private mutating func slot(of customerHash: UInt64, _ invoiceHash: UInt64) -> Int {
        customers.slot(of: customerHash, invoiceHash: invoiceHash, after: first)
    }

    private subscript(number: Int) -> PredictionChunk.Case {
        let (chunk, place) = place(of: number)
        return chunks.withUnsafeBufferPointer { $0[chunk].case(at: place) }
    }

    /// Where a number's prediction is; the chunk may have gone, or not have come yet.
    private func place(of number: Int) -> (chunk: Int, place: Int) {
        let shift = PredictionChunk.limit.trailingZeroBitCount
        return (number >> shift - firstChunk, number & (PredictionChunk.limit - 1))
    }

    /// Both by number plus one.
    private mutating func link(_ prediction: Int, to previous: Int) {
        let (chunk, place) = place(of: prediction - 1)
        chunks[chunk].link(place, back: previous == 0 ? 0 : UInt32(prediction - previous))
    }

    // MARK: Bounds

    /// Grades half of the customers from now on: those whose hashes are lower. That depends on the log alone.
    private mutating func sample() {
        sampledBelow /= 2
        var all = Array(chunks.reversed())
        beginAnew()
        // Each gives its memory back before the next one is taken up.
        while let chunk = all.popLast() {
            for prediction in chunk.predictions where prediction.customerHash >> 32 < sampledBelow {
                append(prediction)
            }
        }
    }

    /// Forgets all predictions, whose numbers do not come again.
    private mutating func beginAnew() {
        let gone = firstChunk..<(firstChunk + chunks.count)
        removed = removed.isEmpty ? gone : removed.lowerBound..<gone.upperBound
        firstChunk = gone.upperBound
        chunks = []
        count = 0
        customers = WaitingCustomers()
        cursor = first
        isBlocked = false
        expiredAt = 0
    }

    /// Takes up a prediction that was kept, in the order of the log.
    private mutating func append(_ prediction: GradedPrediction) {
        var its = PredictionChunk.Case(of: prediction)
        if its.label == .pending {
            let slot = slot(of: prediction.customerHash, prediction.invoiceHash)
            turn(slot, to: prediction.invoiceHash)
            its.previous = customers[slot].add(end + 1)
        }
        append(its, PredictionChunk.Content(of: prediction))
    }

    // MARK: Pictures and checkpoints

    /// What is known now. It shares memory with the grader until that changes.
    package var picture: GradingPicture {
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
    package mutating func beginSnapshot(isFull: Bool, upTo offset: Int64) {
        giveUpSnapshot()
        var head = ByteWriter()
        head.signed(max(offset, next))
        clock.encode(into: &head)
        head.varint(sampledBelow)
        head.varint(UInt64(firstChunk))
        head.varint(UInt64(chunks.count))
        head.varint(UInt64(versions.count))
        for version in versions { version.encode(into: &head) }
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
    package mutating func nextRecord() -> (number: UInt64, bytes: [UInt8])? {
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
    package mutating func giveUpSnapshot() {
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
    package mutating func restore(
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
            let versions = try reader.count(ofAtLeast: 3)
            guard versions < Version.limit else { throw StateError("\(versions) versions of models") }
            restored.versions = []
            for _ in 0..<versions { restored.versions.append(try Version(decoding: &reader)) }
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
            restored.beginAnew()
            for prediction in predictions { restored.append(prediction) }
            // They stand under the numbers that they had.
            restored.removed = 0..<0
            for chunk in restored.chunks.indices { restored.chunks[chunk].isChanged = false }
        }
        let version = versions.indices.contains(self.version) ? versions[self.version] : nil
        self = restored
        if let version { use(version) }
    }
}

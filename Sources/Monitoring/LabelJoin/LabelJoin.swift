import Customers
import Ensemble
import Events
import Features

/// Joins a partition's predictions with their labels: whether the customer bought again within the horizon.
///
/// A prediction at time t for an event of one invoice becomes `bought` as soon as a purchase line of another invoice of the
/// same customer has a time s with t < s ≤ t + horizon. It becomes `notBought` once the partition's clock has passed
/// t + horizon. Most predictions are due in the order of the log. One for an instant more than a horizon ahead of the clock, as
/// a wrong date makes it, is deferred: it holds up no other, and if it is still far ahead when its neighbours leave, it leaves
/// with them. Training and evaluation use the same label, except that they also see events that arrive too late here.
/// The result depends only on the events and their order, not on batches or time of day. Owned by one thread.
///
/// Predictions for comparison only are kept beside those that were served, and are no events.
///
/// Memory is 88 bytes for each prediction kept, and 80 to 320 for each customer of theirs.
public struct LabelJoin: Sendable {
    /// A prediction whose label has just become known.
    package struct Outcome: Sendable {
        /// The prediction with its label.
        package let prediction: LabeledPrediction
        /// Whether the customer bought again within the horizon.
        package var isBought: Bool { prediction.label == .bought }
        /// Event time of the purchase, milliseconds; `nil` when there was none.
        package let boughtAt: Int64?
    }

    /// Receives each label when it becomes known.
    /// - Parameters:
    ///   - offset: of the event that decided it.
    ///   - outcome: reads the whole prediction. Its memory is no longer in the processor's cache, so call it only if needed.
    package typealias OutcomeHandler = (_ isBought: Bool, _ offset: Int64, _ outcome: () -> Outcome) throws -> Void

    /// Everything except the predictions and the table of customers. Small enough to be copied at every undo point.
    struct Progress: Sendable {
        var versions: [Version] = []
        /// The versions that new predictions belong to.
        var members: [Member] = []
        /// Whether there are versions whose predictions are for comparison only.
        var hasShadows = false
        var clock = PartitionClock()
        var nextOffset: Int64 = 0
        /// Number of the first chunk kept. Chunks are numbered consecutively, and no number is used twice.
        var firstChunk = 0
        /// Predictions kept.
        var count = 0
        /// Of them, those for comparison only. They count for no limit, so that who stays does not depend on them.
        var shadows = 0
        /// No prediction before this number is pending.
        var expiryCursor = 0
        /// Whether the prediction at `expiryCursor` was found pending. If so, none expires before the clock moves.
        var isBlocked = false
        /// The predictions that are deferred.
        var deferred = DeferredPredictions()
        /// The clock at the last expiry.
        var expiredAt: Int64 = 0
        /// Customers are in the sample if the upper half of their hash is below this.
        var sampledBelow = UInt64(1) << 32
        /// Chunks removed since the last snapshot.
        var removed: Range<Int> = 0..<0
    }

    /// A version in use.
    struct Member: Sendable {
        /// Its index in `versions`.
        let version: Int
        /// Whether it has all models in their canonical order, so that its scores need no lookup.
        let hasAllModels: Bool
    }

    /// How far a label looks ahead, milliseconds.
    package let horizon: Int64
    /// For how long after their horizon predictions are evaluated, milliseconds of event time.
    let window: Int64
    private let limit: Int
    var progress = Progress()
    /// All are full except the last one.
    var chunks: [PredictionChunk] = []
    var customers = PendingPredictions()
    /// Snapshot whose records are being read.
    var snapshot: OpenSnapshot?
    /// What the latest completed snapshot covered, for the case that it does not become durable.
    var completed: SnapshotScope?
    var journal = LabelJoinJournal()

    /// Model versions that predictions refer to by index.
    package var versions: [Version] { progress.versions }
    /// Offset of the next message to join; earlier ones are ignored.
    package var nextOffset: Int64 { progress.nextOffset }
    /// Share of the customers whose predictions are joined; below 1 once there were more predictions than the limit.
    package var sampledShare: Double { Double(progress.sampledBelow) / Double(UInt64(1) << 32) }

    /// - Parameters:
    ///   - horizon: of the model whose predictions are joined.
    ///   - windowDays: for how long after their horizon predictions are evaluated, days of event time.
    ///   - limit: most predictions kept. Whenever they exceed it, half of the customers are dropped.
    package init(horizon: Horizon, windowDays: Int, limit: Int) {
        self.horizon = horizon.milliseconds
        window = Int64(windowDays) * EventTime.millisecondsPerDay
        self.limit = max(limit, PredictionChunk.limit)
    }

    /// Sets the model version that predictions belong to from now on.
    package mutating func use(_ version: Version) { use([version]) }

    /// Sets the model versions that predictions belong to from now on: `Event.member` is a place among them.
    package mutating func use(_ versions: [Version]) {
        progress.members = versions.map { version in
            var index = progress.versions.firstIndex(of: version)
            if index == nil {
                index = progress.versions.count
                progress.versions.append(version)
            }
            return Member(version: index ?? 0, hasAllModels: version.models == ModelName.allCases)
        }
        progress.hasShadows = progress.versions.contains(where: \.isShadow)
    }

    /// Prefetch distances in events: first the customer's slot, then the prediction that it points to.
    private static let slotDistance = 8
    private static let predictionDistance = 4

    /// Empties a batch for the events that come next. A batch begun before an `undo` must be begun again.
    package func begin(_ batch: inout Batch) {
        batch.begin(from: progress.nextOffset, sampledBelow: progress.sampledBelow)
    }

    /// Adds a batch's predictions in order, and resolves the earlier ones that its events decide.
    /// - Throws: what `onOutcome` throws. The state is then only good for `undo`.
    /// - Complexity: O(events) amortised.
    package mutating func join(_ batch: Batch, onOutcome: OutcomeHandler) rethrows {
        var passed = 0
        try batch.events.withUnsafeBufferPointer { events in
            for index in events.indices {
                // Customers come in no order that the processor could predict.
                if index + Self.slotDistance < events.count {
                    customers.prefetch(events[index + Self.slotDistance].customerHash)
                }
                if index + Self.predictionDistance < events.count { prefetch(events[index + Self.predictionDistance]) }
                observe(batch.times[passed..<events[index].passed])
                passed = events[index].passed
                try join(events[index], onOutcome)
            }
        }
        observe(batch.times[passed...])
        progress.nextOffset = batch.next
    }

    /// Advances the clock by the events of customers outside the sample.
    private mutating func observe(_ times: ArraySlice<Int64>) {
        for time in times { progress.clock.observe(time) }
    }

    private mutating func join(_ event: Event, _ onOutcome: OutcomeHandler) rethrows {
        progress.nextOffset = event.offset + 1
        // The sample may have been halved since the batch was begun.
        guard event.customerHash >> 32 < progress.sampledBelow else {
            if event.isEvent { progress.clock.observe(event.time) }
            return
        }
        // No event: the clock stays where it is.
        if !event.isEvent { return try joinSampled(event, onOutcome) }
        if progress.clock.time != progress.expiredAt { try expire(event.offset, onOutcome) }
        try joinSampled(event, onOutcome)
        progress.clock.observe(event.time)
        if !progress.isBlocked || progress.clock.time != progress.expiredAt { try expire(event.offset, onOutcome) }
    }

    private mutating func joinSampled(_ event: Event, _ onOutcome: OutcomeHandler) rethrows {
        let slot = slot(of: event.customerHash, event.invoiceHash)
        customers[slot].begin(event.invoiceHash)
        if event.isPurchase, customers[slot].older != 0 { try resolveOlder(slot, event, onOutcome) }
        guard event.isScored else { return }
        if let label = labelOfServed(event) { return append(besideServed: event, label) }
        let isDeferred = event.instant > progress.clock.time + horizon
        let member = progress.members[event.member]
        append(
            PredictionChunk.Case(
                time: event.instant, invoiceHash: event.invoiceHash, previous: customers[slot].add(end + 1),
                label: isDeferred ? .deferred : .pending),
            PredictionChunk.Content(
                offset: event.offset, customerHash: event.customerHash,
                probabilities: probabilities(event.scores, member),
                version: UInt16(member.version), line: LabeledPrediction.line(of: event),
                slices: event.slices))
        if progress.count - progress.shadows > limit { sample() }
    }

    /// The label of the prediction beside which another one comes, where it is known already, as that of an event that comes too late.
    private func labelOfServed(_ event: Event) -> LabeledPrediction.Label? {
        guard !event.isEvent, !event.isScheduled, progress.count > 0 else { return nil }
        let (chunk, place) = place(of: end - 1)
        let last = chunks[chunk][place]
        guard last.offset == event.offset, last.customerHash == event.customerHash, !last.label.isPending else {
            return nil
        }
        return last.label
    }

    private mutating func append(besideServed event: Event, _ label: LabeledPrediction.Label) {
        let member = progress.members[event.member]
        append(
            PredictionChunk.Case(time: event.instant, invoiceHash: event.invoiceHash, label: label),
            PredictionChunk.Content(
                offset: event.offset, customerHash: event.customerHash,
                probabilities: probabilities(event.scores, member),
                version: UInt16(member.version), line: LabeledPrediction.line(of: event), slices: event.slices))
    }

    @inline(__always)
    private func probabilities(_ scores: Scores, _ member: Member) -> InlineArray<5, Double> {
        if member.hasAllModels {
            return [
                scores.logisticRegression, scores.randomForest, scores.xgboost, scores.stacking, scores.blending,
            ]
        }
        let models = progress.versions[member.version].models
        return InlineArray { $0 < models.count ? scores[models[$0]] : 0 }
    }

    @inline(__always)
    mutating func append(_ new: PredictionChunk.Case, _ content: PredictionChunk.Content) {
        if place(of: end).place == 0 { chunks.append(PredictionChunk()) }
        if new.label == .deferred { progress.deferred.insert(end, time: new.time) }
        chunks[chunks.count - 1].append(new, content)
        progress.count += 1
        if isShadow(content) { progress.shadows += 1 }
    }

    /// Whether a prediction is for comparison only.
    @inline(__always)
    func isShadow(_ content: PredictionChunk.Content) -> Bool {
        progress.hasShadows && progress.versions[Int(content.version)].isShadow
    }

    /// Prefetches the first prediction that a purchase may resolve.
    private func prefetch(_ event: Event) {
        guard event.isPurchase, let at = customers.latest(of: event.customerHash, exceptOf: event.invoiceHash) else {
            return
        }
        prefetch(at - 1)
    }
}

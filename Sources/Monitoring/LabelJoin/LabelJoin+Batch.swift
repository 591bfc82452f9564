import Ensemble

extension LabelJoin {
    /// An event, and the prediction that was published for it, if there was one; or a prediction alone.
    public struct Event: Sendable {
        @usableFromInline let customerHash: UInt64
        @usableFromInline let invoiceHash: UInt64
        @usableFromInline let time: Int64
        @usableFromInline let instant: Int64
        @usableFromInline let isPurchase: Bool
        @usableFromInline let isScored: Bool
        @usableFromInline let isScheduled: Bool
        /// False for a prediction alone: it moves no clock and decides nothing.
        @usableFromInline let isEvent: Bool
        /// The place of its prediction's version among those that are in use.
        @usableFromInline let member: Int
        /// See `LabeledPrediction.slices`.
        @usableFromInline let slices: UInt16
        @usableFromInline let scores: Scores
        @usableFromInline let offset: Int64
        @usableFromInline let line: Int
        /// Events of the batch before it that are outside the sample.
        @usableFromInline var passed: Int

        /// - Parameters:
        ///   - time: of the event, milliseconds.
        ///   - clock: the instant that the prediction is for: the customer's latest event time, milliseconds.
        ///   - offset: of the event's message.
        ///   - line: the event's place in its message.
        ///   - member: the place of the prediction's version among those that are in use.
        ///   - slices: the parts of all rows that its row is in; 0 where that is not noted.
        @inlinable
        public init(
            customerHash: UInt64, invoiceHash: UInt64, time: Int64, clock: Int64, isPurchase: Bool, scores: Scores,
            offset: Int64, line: Int = 0, member: Int = 0, slices: UInt16 = 0
        ) {
            self.member = member
            self.slices = slices
            isEvent = true
            self.customerHash = customerHash
            self.invoiceHash = invoiceHash
            self.time = time
            instant = clock
            self.isPurchase = isPurchase
            self.scores = scores
            self.offset = offset
            self.line = line
            isScored = true
            isScheduled = false
            passed = 0
        }

        /// The prediction of an instant of the schedule.
        /// - Parameters:
        ///   - instant: milliseconds of event time.
        ///   - offset: of the message whose event moved the clock past it.
        package init(scheduled instant: Int64, customerHash: UInt64, scores: Scores, offset: Int64, member: Int = 0) {
            self.member = member
            isEvent = false
            slices = 0
            self.customerHash = customerHash
            invoiceHash = 0
            time = instant
            self.instant = instant
            isPurchase = false
            self.scores = scores
            self.offset = offset
            line = LabeledPrediction.scheduledLine
            isScored = true
            isScheduled = true
            passed = 0
        }

        /// Another model's prediction for an event that has one already.
        package init(
            besideEventOf customerHash: UInt64, invoiceHash: UInt64, clock: Int64, scores: Scores, offset: Int64,
            line: Int, member: Int, slices: UInt16
        ) {
            self.slices = slices
            self.customerHash = customerHash
            self.invoiceHash = invoiceHash
            time = clock
            instant = clock
            isPurchase = false
            self.scores = scores
            self.offset = offset
            self.line = line
            isScored = true
            isScheduled = false
            isEvent = false
            self.member = member
            passed = 0
        }

        /// An event without a prediction.
        package init(customerHash: UInt64, invoiceHash: UInt64, time: Int64, isPurchase: Bool, offset: Int64) {
            self.customerHash = customerHash
            self.invoiceHash = invoiceHash
            self.time = time
            instant = time
            self.isPurchase = isPurchase
            scores = Scores()
            self.offset = offset
            line = 0
            isScored = false
            isScheduled = false
            isEvent = true
            member = 0
            slices = 0
            passed = 0
        }
    }

    /// Successive events of one partition, to be joined together (see `begin`).
    ///
    /// Of customers outside the sample only the event times are kept, since these advance the partition's clock.
    public struct Batch: Sendable {
        @usableFromInline var events: [Event] = []
        @usableFromInline var times: [Int64] = []
        /// Offset of the first message that has not been joined.
        @usableFromInline var start: Int64 = 0
        /// The offset behind the last message.
        @usableFromInline var next: Int64 = 0
        @usableFromInline var sampledBelow: UInt64 = 0

        /// An empty batch, whose memory is reused every time that it is begun.
        public init() {}

        /// Forgets the earlier events.
        mutating func begin(from next: Int64, sampledBelow: UInt64) {
            events.removeAll(keepingCapacity: true)
            times.removeAll(keepingCapacity: true)
            start = next
            self.next = next
            self.sampledBelow = sampledBelow
        }

        /// Adds the next event. One whose offset has been joined before is ignored.
        /// - Complexity: O(1) amortised.
        @inlinable
        @inline(__always)
        public mutating func append(_ event: Event) {
            guard event.offset >= start else { return }
            next = event.offset + 1
            if event.customerHash >> 32 < sampledBelow {
                var event = event
                event.passed = times.count
                events.append(event)
            } else if event.isEvent {
                times.append(event.time)
            }
        }

        /// Adds the prediction of an instant of the schedule, whose message may have been joined before.
        package mutating func append(scheduled event: Event) {
            next = max(next, event.offset + 1)
            guard event.customerHash >> 32 < sampledBelow else { return }
            var event = event
            event.passed = times.count
            events.append(event)
        }
    }
}

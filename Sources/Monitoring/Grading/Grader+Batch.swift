import Ensemble

extension Grader {
    /// An event, and the prediction that it led to.
    public struct Event: Sendable {
        @usableFromInline let customerHash: UInt64
        @usableFromInline let invoiceHash: UInt64
        @usableFromInline let time: Int64
        @usableFromInline let instant: Int64
        @usableFromInline let isPurchase: Bool
        @usableFromInline let scores: Scores
        @usableFromInline let offset: Int64
        /// How many events before it, of the batch, are of customers who are not graded.
        @usableFromInline var passed: Int

        /// - Parameters:
        ///   - time: of the event, milliseconds.
        ///   - clock: the instant that the prediction is of: the customer's latest event time.
        ///   - offset: of its message; one that was taken before is passed over.
        @inlinable
        public init(
            customerHash: UInt64, invoiceHash: UInt64, time: Int64, clock: Int64, isPurchase: Bool, scores: Scores,
            offset: Int64
        ) {
            self.customerHash = customerHash
            self.invoiceHash = invoiceHash
            self.time = time
            instant = clock
            self.isPurchase = isPurchase
            self.scores = scores
            self.offset = offset
            passed = 0
        }
    }

    /// Successive events of one partition, to be graded together (see `begin`). Of customers who are not graded, once they
    /// are sampled, only the times are kept: these move the partition's clock.
    public struct Batch: Sendable {
        @usableFromInline var events: [Event] = []
        @usableFromInline var times: [Int64] = []
        @usableFromInline var next: Int64 = 0
        @usableFromInline var sampledBelow: UInt64 = 0

        public init() {}

        /// Forgets the events before.
        mutating func begin(from next: Int64, sampledBelow: UInt64) {
            events.removeAll(keepingCapacity: true)
            times.removeAll(keepingCapacity: true)
            self.next = next
            self.sampledBelow = sampledBelow
        }

        @inlinable
        @inline(__always)
        public mutating func append(_ event: Event) {
            guard event.offset >= next else { return }
            next = event.offset + 1
            if event.customerHash >> 32 < sampledBelow {
                var event = event
                event.passed = times.count
                events.append(event)
            } else {
                times.append(event.time)
            }
        }
    }
}

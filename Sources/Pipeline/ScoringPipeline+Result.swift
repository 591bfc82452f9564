extension ScoringPipeline {
    /// What became of a batch's messages.
    package struct BatchResult {
        /// Messages of which something has to come: predictions, a dead letter, or one of the counts below.
        package internal(set) var live = 0
        /// Live messages with events, none of which has a customer.
        package internal(set) var anonymous = 0
        /// Live messages without a value, as deletions leave them.
        package internal(set) var tombstones = 0
        /// Live messages that are understood and say nothing that counts.
        package internal(set) var ignored = 0
        /// Live messages whose events all have been sent before, as their identifiers say.
        package internal(set) var repeated = 0
        /// Live messages that are no customer events.
        package internal(set) var rejected = 0
        /// Messages that only rebuilt state.
        package internal(set) var restored = 0
        /// Predictions of events handed to the sink.
        package internal(set) var published = 0
        /// Predictions of the schedule's instants handed to the sink.
        package internal(set) var rescored = 0
        /// Earlier predictions that live messages showed to be of customers who bought again within the horizon.
        package internal(set) var bought = 0
        /// Earlier predictions whose horizon passed without a purchase.
        package internal(set) var notBought = 0
        /// Live messages by run of the batch.
        package internal(set) var liveOfRun: [Int] = []
        /// Time spent in each stage.
        package internal(set) var times = StageTimes()
    }

    /// Time that a batch spent in each stage, nanoseconds.
    package struct StageTimes: Sendable {
        /// From bytes to events.
        package internal(set) var decode: UInt64 = 0
        /// From events to states and feature rows.
        package internal(set) var update: UInt64 = 0
        /// From feature rows to scores.
        package internal(set) var score: UInt64 = 0
        /// From scores to payloads in the sink, the label join included.
        package internal(set) var publish: UInt64 = 0

        /// Decoding and taking into state, seconds.
        package var secondsIntoState: Double { Double(decode + update) / 1e9 }
    }
}

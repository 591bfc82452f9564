import Customers
import Events
import Kafka
import Scoring
import Worker

/// The predictions that the output topic must contain: for each input message, the payload that a replay makes of it.
struct ExpectedPredictions {
    /// Content hashes of the payloads by partition and offset; 0 for an event that is not scored.
    private(set) var payloads: [[UInt64]]
    private(set) var scorable = 0
    var published: Int { payloads.reduce(0) { $0 + $1.count } }
    private var found: [[UInt8]]
    private(set) var verdict = Verdict()

    /// The result of the comparison.
    struct Verdict: CustomStringConvertible {
        var expected = 0
        var found = 0
        var repeated = 0
        var different = 0
        var unexpected = 0
        var missing = 0
        var kills = 0
        var brokerRestarts = 0
        var failedStops = 0
        /// How far the run came and who was late, if its time was over before everything was committed.
        var unfinished: String?
        var seconds = 0.0
        var firstDifference: String?

        var isClean: Bool { !isWrong && missing == 0 && unfinished == nil && expected > 0 }

        /// Whether something is wrong that more time would not have mended.
        private var isWrong: Bool { repeated + different + unexpected + failedStops > 0 }

        var description: String {
            let result =
                if isClean {
                    "exactly once"
                } else if let unfinished, !isWrong {
                    "UNDECIDED: \(unfinished); nothing is said of the rest"
                } else {
                    "NOT exactly once"
                }
            return
                "\(result): \(expected) scorable events, \(found) predictions; \(missing) missing, \(repeated) repeated, "
                + "\(different) not what a replay gives, \(unexpected) unexpected; \(kills) kills, \(brokerRestarts) restarts of the broker, "
                + "\(failedStops) failed stops, \(Int(seconds)) s" + (firstDifference.map { "; first: \($0)" } ?? "")
        }
    }

    init(partitions: Int) {
        payloads = [[UInt64]](repeating: [], count: partitions)
        found = [[UInt8]](repeating: [], count: partitions)
    }

    /// Adds an event at the end of a partition.
    ///
    /// - Parameter payload: The payload's content hash; `nil` for an event that is not scored.
    mutating func append(partition: Int, payload: UInt64?) {
        payloads[partition].append(payload ?? 0)
        found[partition].append(0)
        if payload != nil { scorable += 1 }
    }

    /// Compares a prediction that has been found.
    mutating func compare(partition: Int, offset: Int, payload: UInt64) {
        verdict.found += 1
        let place = "\(partition)@\(offset)"
        guard payloads.indices.contains(partition), payloads[partition].indices.contains(offset),
            payloads[partition][offset] != 0
        else {
            verdict.unexpected += 1
            noteDifference("unexpected prediction of \(place)")
            return
        }
        if found[partition][offset] > 0 {
            verdict.repeated += 1
            noteDifference("\(place) twice")
        }
        found[partition][offset] = 1
        if payloads[partition][offset] != payload {
            verdict.different += 1
            noteDifference("\(place) is not what a replay gives")
        }
    }

    private mutating func noteDifference(_ what: String) { verdict.firstDifference = verdict.firstDifference ?? what }

    mutating func finish() -> Verdict {
        verdict.expected = scorable
        verdict.missing = scorable - (verdict.found - verdict.repeated - verdict.unexpected)
        return verdict
    }
}

import Customers
import Events
import Kafka
import Scoring
import Worker

/// The predictions that the output topic must contain: for each input message, the payloads that a replay makes of it.
struct ExpectedPredictions {
    /// A prediction that is to be found, with its line where each line of a message has one.
    struct Payload {
        let line: Int?
        /// Of what each model makes of it: a payload names its model, so that one equals that model's to the byte or none.
        private(set) var hashes: [UInt64]
        fileprivate var isFound = false

        /// Of a customer as of an instant of the schedule.
        init(hash: UInt64) { self.init(line: nil, hash: hash) }

        init(line: Int?, hash: UInt64) {
            self.line = line
            hashes = [hash]
        }

        /// Adds what another model makes of it.
        mutating func add(_ hash: UInt64) { hashes.append(hash) }
    }

    /// By partition and offset; none for a message that is not scored.
    private(set) var payloads: [[[Payload]]]
    private(set) var scorable = 0
    /// Challengers' predictions that have been found.
    private var challengers: Set<ChallengerPlace> = []
    /// Of customers without an event.
    private var scheduled: [ScheduledPlace: Payload] = [:]
    var published: Int { payloads.reduce(0) { $0 + $1.count } }
    private(set) var verdict = Verdict()

    /// Where a prediction without an event is expected.
    struct ScheduledPlace: Hashable {
        let partition: Int
        let offset: Int
        let customer: PredictionSource.Scheduled
    }

    private struct ChallengerPlace: Hashable {
        let partition: Int32
        let offset: Int64
        let line: Int?
        let customer: PredictionSource.Scheduled?
    }

    /// What is to be found of a message.
    struct Expected {
        /// Of its events.
        var payloads: [Payload] = []
        /// Of customers as of an instant of the schedule.
        var scheduled: [PredictionSource.Scheduled: Payload] = [:]
    }

    /// The result of the comparison.
    struct Verdict: CustomStringConvertible {
        var expected = 0
        /// Of them, customers without an event.
        var scheduled = 0
        var found = 0
        var repeated = 0
        var different = 0
        var unexpected = 0
        var missing = 0
        var kills = 0
        var brokerRestarts = 0
        var modelChanges = 0
        /// How many models the workers had.
        var models = 0
        /// How many predictions are of each model, by its place in the order of service.
        var predictionsOfModel: [Int: Int] = [:]
        /// Challengers' predictions.
        var challengers = 0
        var failedStops = 0
        /// How far the run came and who was late, if its time was over before everything was committed.
        var unfinished: String?
        var seconds = 0.0
        var firstDifference: String?

        var isClean: Bool { !isWrong && missing == 0 && unfinished == nil && expected > 0 }

        /// Whether something is wrong that more time would not have mended.
        private var isWrong: Bool { repeated + different + unexpected + failedStops > 0 }

        private var changesOfModel: String {
            guard modelChanges > 0 else { return "" }
            let counts = (0..<models).map { "\(predictionsOfModel[$0] ?? 0)" }.joined(separator: ", ")
            let beside = challengers > 0 ? "\(challengers) challengers' predictions, " : ""
            return "\(modelChanges) changes of the model (\(counts) predictions of each), \(beside)"
        }

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
                "\(result): \(expected - scheduled) scorable events\(scheduled > 0 ? " and \(scheduled) due customers" : ""), \(found) predictions; \(missing) missing, \(repeated) repeated, "
                + "\(different) not what a replay gives, \(unexpected) unexpected; \(kills) kills, \(brokerRestarts) restarts of the broker, "
                + "\(changesOfModel)\(failedStops) failed stops, \(Int(seconds)) s"
                + (firstDifference.map { "; first: \($0)" } ?? "")
        }
    }

    init(partitions: Int) { payloads = [[[Payload]]](repeating: [], count: partitions) }

    /// Adds a message at the end of a partition, with what is to be found of it.
    mutating func append(partition: Int, _ expected: Expected) {
        for (customer, payload) in expected.scheduled {
            let place = ScheduledPlace(partition: partition, offset: payloads[partition].count, customer: customer)
            scheduled[place] = payload
        }
        payloads[partition].append(expected.payloads)
        scorable += expected.payloads.count
    }

    /// Compares a prediction that has been found.
    mutating func compare(_ source: PredictionSource?, payload: UInt64) {
        let (partition, offset) = (source.map { Int($0.partition) } ?? -1, source.map { Int($0.offset) } ?? -1)
        guard let customer = source?.scheduled else {
            return compare(partition: partition, offset: offset, line: source?.line, payload: payload)
        }
        verdict.found += 1
        let place = ScheduledPlace(partition: partition, offset: offset, customer: customer)
        let name = "\(partition)@\(offset) at \(customer.instant) of customer \(customer.customerHash)"
        guard let expected = scheduled[place] else {
            verdict.unexpected += 1
            return noteDifference("unexpected prediction of \(name)")
        }
        scheduled[place]?.isFound = true
        note(expected, payload, name)
    }

    /// Compares a prediction of an event.
    mutating func compare(partition: Int, offset: Int, line: Int?, payload: UInt64) {
        verdict.found += 1
        let place = "\(partition)@\(offset)\(line.map { " line \($0)" } ?? "")"
        guard payloads.indices.contains(partition), payloads[partition].indices.contains(offset),
            let index = payloads[partition][offset].firstIndex(where: { $0.line == line })
        else {
            verdict.unexpected += 1
            noteDifference("unexpected prediction of \(place)")
            return
        }
        let expected = payloads[partition][offset][index]
        payloads[partition][offset][index].isFound = true
        note(expected, payload, place)
    }

    /// Compares a challenger's prediction: there may be one of each event, of one of the models.
    mutating func compare(challenger source: PredictionSource?, payload: UInt64) {
        guard let source, payloads.indices.contains(Int(source.partition)),
            payloads[Int(source.partition)].indices.contains(Int(source.offset))
        else {
            verdict.unexpected += 1
            return noteDifference("a challenger's prediction of an unknown message")
        }
        let (partition, offset) = (Int(source.partition), Int(source.offset))
        let name = "a challenger's prediction of \(partition)@\(offset)"
        let expected =
            source.scheduled.map { customer in
                scheduled[ScheduledPlace(partition: partition, offset: offset, customer: customer)]
            } ?? payloads[partition][offset].first { $0.line == source.line }
        verdict.challengers += 1
        let place = ChallengerPlace(
            partition: source.partition, offset: source.offset, line: source.line, customer: source.scheduled)
        if !challengers.insert(place).inserted {
            verdict.repeated += 1
            noteDifference("\(name) twice")
        }
        if !(expected?.hashes.contains(payload) ?? false) {
            verdict.different += 1
            noteDifference("\(name) is not what a replay gives")
        }
    }

    private mutating func note(_ expected: Payload, _ payload: UInt64, _ place: String) {
        if expected.isFound {
            verdict.repeated += 1
            noteDifference("\(place) twice")
        }
        guard let model = expected.hashes.firstIndex(of: payload) else {
            verdict.different += 1
            return noteDifference("\(place) is not what a replay gives")
        }
        verdict.predictionsOfModel[model, default: 0] += 1
    }

    private mutating func noteDifference(_ what: String) { verdict.firstDifference = verdict.firstDifference ?? what }

    mutating func finish() -> Verdict {
        (verdict.expected, verdict.scheduled) = (scorable + scheduled.count, scheduled.count)
        verdict.missing = verdict.expected - (verdict.found - verdict.repeated - verdict.unexpected)
        return verdict
    }
}

import Events
import Features

/// The TRAIN points that members learn from, with their weights.
///
/// Neighbouring events of an invoice differ in little but the basket: those at positions 1, 2, 4, 8, ... and the last
/// stand for the ones since the position before. Three kinds of points share the total weight; within the events a
/// customer counts by the square root of how many they have, so that no few customers are all that is learned. Older
/// points count less.
struct TrainingSet: Sendable {
    /// Indices into the points, in order of time.
    private(set) var indices: [Int] = []
    /// By place in `indices`; their mean is 1.
    private(set) var weights: [Float] = []

    /// - Parameter isIn: which points it is of; weights are dealt out among these alone.
    init(_ points: ScoringPoints, _ shares: TrainingSettings.PointShares, isIn: (ScoringPoints.Point) -> Bool) {
        var eventsOfCustomer: [Int32: Double] = [:]
        var (invoices, snapshots) = (0.0, 0.0)
        let training = points.points.indices.filter { isIn(points.points[$0]) }
        for index in training {
            switch points.points[index].kind {
            case .event(let isLast):
                eventsOfCustomer[points.points[index].customer, default: 0] += 1
                if isLast { invoices += 1 }
            case .snapshot: snapshots += 1
            }
        }
        // Summed in a fixed order: a dictionary's differs from run to run.
        let roots = eventsOfCustomer.sorted { $0.key < $1.key }.reduce(0) { $0 + $1.value.squareRoot() }
        var raw: [Double] = []
        for index in training {
            let point = points.points[index]
            var weight = 0.0
            switch point.kind {
            case .snapshot: weight = shares.snapshots / snapshots
            case .event(let isLast):
                let position = UInt32(bitPattern: point.positionInInvoice)
                let isPower = position.nonzeroBitCount == 1
                guard isPower || isLast else { continue }
                let previous = isPower ? position / 2 : UInt32(1) << (31 - position.leadingZeroBitCount)
                let events = eventsOfCustomer[point.customer]!
                weight = shares.events * Double(position - previous) / events.squareRoot() / roots
                if isLast { weight += shares.invoices / invoices }
            }
            if weight > 0 {
                indices.append(index)
                raw.append(weight)
            }
        }
        weights = raw.map { Float($0) }
        weights = weights(points, halfLifeDays: shares.halfLifeDays)
    }

    /// The weights, halved for every so many days of age, with a mean of 1.
    func weights(_ points: ScoringPoints, halfLifeDays: Double) -> [Float] {
        guard let latest = indices.last.map({ points.points[$0].time }) else { return [] }
        let scale = -0.693147180559945309417 / halfLifeDays / Double(EventTime.millisecondsPerDay)
        let aged = zip(indices, weights).map { index, weight in
            Double(weight) * Elementary.exp(Double(latest - points.points[index].time) * scale)
        }
        let mean = aged.reduce(0, +) / Double(max(aged.count, 1))
        return aged.map { Float($0 / mean) }
    }

    func labels(_ points: ScoringPoints) -> [Bool] { indices.map { points.points[$0].label } }
}

import Events
import Features

/// The examples that models are fitted on, with their weights.
///
/// Successive events of an invoice differ in little but the basket, so only those at positions 1, 2, 4, 8, ... and the
/// last are taken; each carries the weight of the events since the one before it. The total weight is divided among the
/// three kinds of examples. Within the events, a customer's share is the square root of their number of events, so that
/// a few busy customers do not dominate. Weights decay exponentially with age.
struct TrainingSet: Sendable {
    /// Indices into the dataset, in order of time.
    private(set) var indices: [Int] = []
    /// One for each of `indices`; their mean is 1.
    private(set) var weights: [Float] = []

    /// - Parameter isIncluded: whether an example belongs to the set; the total weight is divided among these alone.
    /// - Complexity: O(examples).
    init(_ dataset: Dataset, _ shares: TrainingSettings.ExampleShares, isIncluded: (Example) -> Bool) {
        var eventsOfCustomer: [Int32: Double] = [:]
        var (invoices, observations) = (0.0, 0.0)
        let included = dataset.indices.filter { isIncluded(dataset[$0]) }
        for index in included {
            switch dataset[index].kind {
            case .event(let isLast):
                eventsOfCustomer[dataset[index].customer, default: 0] += 1
                if isLast { invoices += 1 }
            case .observation: observations += 1
            }
        }
        // Summed in a fixed order: a dictionary's differs from run to run.
        let roots = eventsOfCustomer.sorted { $0.key < $1.key }.reduce(0) { $0 + $1.value.squareRoot() }
        var raw: [Double] = []
        for index in included {
            let example = dataset[index]
            var weight = 0.0
            switch example.kind {
            case .observation: weight = shares.observations / observations
            case .event(let isLast):
                let position = UInt32(bitPattern: example.positionInInvoice)
                let isPower = position.nonzeroBitCount == 1
                guard isPower || isLast else { continue }
                let previous = isPower ? position / 2 : UInt32(1) << (31 - position.leadingZeroBitCount)
                let events = eventsOfCustomer[example.customer]!
                weight = shares.events * Double(position - previous) / events.squareRoot() / roots
                if isLast { weight += shares.invoices / invoices }
            }
            if weight > 0 {
                indices.append(index)
                raw.append(weight)
            }
        }
        weights = raw.map { Float($0) }
        weights = weights(dataset, halfLifeDays: shares.halfLifeDays)
    }

    /// The weights, halved for every `halfLifeDays` of age and scaled to a mean of 1.
    func weights(_ dataset: Dataset, halfLifeDays: Double) -> [Float] {
        guard let latest = indices.last.map({ dataset[$0].time }) else { return [] }
        let scale = -0.693147180559945309417 / halfLifeDays / Double(EventTime.millisecondsPerDay)
        let aged = zip(indices, weights).map { index, weight in
            Double(weight) * Elementary.exp(Double(latest - dataset[index].time) * scale)
        }
        let mean = aged.reduce(0, +) / Double(max(aged.count, 1))
        return aged.map { Float($0 / mean) }
    }

    /// The labels of the set's examples, one for each of `indices`.
    func labels(_ dataset: Dataset) -> [Bool] { indices.map { dataset[$0].label } }
}

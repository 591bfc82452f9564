import Customers
import Ensemble
import Events
import Features
import Scoring

/// Every customer at every instant of the schedule, one after the other: what the pipeline's predictions have to equal.
struct SlowRescoring {
    /// A customer and an instant, milliseconds.
    struct Key: Hashable {
        let customer: String
        let instant: Int64
    }

    let artifact: ModelArtifact
    let period: Int64
    let partitions: Int

    /// - Parameter messages: of all customers, each customer's in order of time.
    /// - Returns: the payload of each customer at each instant that one of their events, or their partition's clock, has passed.
    func predictions(_ messages: [[UInt8]]) throws -> [Key: [UInt8]] {
        let decoder = EventDecoder()
        var byCustomer: [String: [Int]] = [:]
        var clocks = [PartitionClock](repeating: PartitionClock(), count: partitions)
        for (number, message) in messages.enumerated() {
            try message.withUnsafeBytes { message in
                _ = try decoder.decode(message) { event in
                    if event.isAnonymous { return }
                    byCustomer[String(decoding: event.customerID, as: UTF8.self), default: []].append(number)
                    clocks[Int(event.customerHash % UInt64(partitions))].observe(event.time)
                }
            }
        }
        var found: [Key: [UInt8]] = [:]
        for (customer, numbers) in byCustomer {
            let end = clocks[Int(contentHash(of: customer) % UInt64(partitions))].time
            var state: CustomerState?
            var instant = Int64.max
            func score(before time: Int64) {
                while instant < time {
                    if let payload = payload(customer, state!, at: instant) {
                        found[Key(customer: customer, instant: instant)] = payload
                    }
                    instant += period
                }
            }
            for number in numbers {
                try messages[number].withUnsafeBytes { message in
                    _ = try decoder.decode(message) { event in
                        if state == nil {
                            state = CustomerState(firstEvent: event)
                            instant = (event.time + period - 1) / period * period
                        }
                        score(before: event.time)
                        state!.update(event)
                    }
                }
            }
            score(before: end)
        }
        return found
    }

    private func payload(_ customer: String, _ state: CustomerState, at instant: Int64) -> [UInt8]? {
        guard let first = state.lifetime.firstPurchaseTime, first < instant else { return nil }
        var (matrix, scores) = (FeatureMatrix(), [Scores]())
        artifact.makeExtractor().append(state.advanced(to: instant), to: &matrix)
        var workspace = Ensemble.Workspace(for: artifact.ensemble)
        artifact.ensemble.score(matrix, into: &scores, workspace: &workspace)
        let encoder = PredictionEncoder(manifest: artifact.manifest, thresholds: PriorityThresholds())
        return Array(customer.utf8).withUnsafeBytes { customer in
            [UInt8](
                unsafeUninitializedCapacity: encoder.room(customerIDCount: customer.count, invoiceNoCount: 0)
            ) { memory, count in
                let start = memory.baseAddress!
                count =
                    encoder.write(
                        customerID: customer, invoiceNo: nil, time: instant, scores: scores[0], isStateComplete: true,
                        to: start) - start
            }
        }
    }
}

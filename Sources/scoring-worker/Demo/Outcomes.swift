import Events
import Foundation
import Monitoring
import Scoring
import Worker

/// Predictions beside what happened after them: the demo's own reckoning.
struct Outcomes {
    private struct Graded {
        let customer: Int
        let time: Int64
        let invoice: UInt64
        let probability: Double
    }

    private var purchases = PurchaseLog()
    private var customers: [UInt64: Int] = [:]
    private var predictions: [Graded] = []
    private var latest: [String: (probability: Double, time: Int64)] = [:]
    private var latencies = Histogram()
    private var bins = [Int](repeating: 0, count: 10)
    private var lastTime = Int64.min
    /// Latest event time of each customer so far: the instant that a prediction is made at, also for a late event.
    private var clocks: [Int: Int64] = [:]
    private let started = ContinuousClock.now
    private var firstPrediction: ContinuousClock.Instant?
    private var finished: ContinuousClock.Instant?

    mutating func happened(customer: UInt64, time: Int64, invoice: UInt64, isPurchase: Bool) {
        lastTime = max(lastTime, time)
        if isPurchase { purchases.append(.init(time: time, invoiceHash: invoice), customer: number(customer)) }
    }

    mutating func predicted(_ prediction: PublishedPrediction, latencyMilliseconds: Double) {
        firstPrediction = firstPrediction ?? .now
        latencies.record(latencyMilliseconds)
        bins[min(Int(prediction.probability * 10), 9)] += 1
        let customer = number(contentHash(of: prediction.customerID))
        let clock = max(clocks[customer] ?? prediction.time, prediction.time)
        clocks[customer] = clock
        predictions.append(
            Graded(
                customer: customer, time: clock,
                invoice: prediction.invoiceHash, probability: prediction.probability))
        latest[prediction.customerID] = (prediction.probability, prediction.time)
    }

    mutating func finish() { finished = .now }

    private mutating func number(_ customer: UInt64) -> Int {
        let number = customers[customer] ?? customers.count
        customers[customer] = number
        return number
    }

    /// The distribution of the scores so far, a block a tenth.
    var sparkline: String {
        let most = max(bins.max() ?? 0, 1)
        return String(bins.map { Array(" ▁▂▃▄▅▆▇█")[($0 * 8 + most - 1) / most] })
    }

    /// What the stream came to, and whether its predictions came true.
    /// - Parameter trainedUntil: predictions from this instant on are of points that the model has not learned from.
    mutating func summary(worker: WorkerCounters.Snapshot, trainedUntil: Int64) -> String {
        purchases.sort()
        let known = predictions.filter { $0.time + PurchaseLog.horizon <= lastTime }
        let labels = known.map { purchases.label(customer: $0.customer, at: $0.time, invoiceHash: $0.invoice) }
        let seconds = ((finished ?? .now) - (firstPrediction ?? started)) / .seconds(1)

        var lines = [
            "",
            "events       \(worker.received) received, \(worker.scored) scored, \(worker.anonymous) anonymous, "
                + "\(worker.rejected) rejected, \(worker.committed) committed",
            "throughput   \(Int(Double(worker.received) / max(seconds, 0.001))) events/s over \(fixed(seconds, 1)) s, "
                + "publisher, broker, worker and reader on this machine",
            "latency      p50 \(fixed(latencies.percentile(0.5), 0)) ms, p99 \(fixed(latencies.percentile(0.99), 0)) ms "
                + "from publishing to reading back, at full speed",
            "scores       0 \(sparkline) 1",
        ]
        let graded = zip(known, labels).map { (prediction: $0, label: $1) }
        if let grade = grade(graded) {
            lines.append("came true    \(grade) whose 30 days have passed")
            if let unseen = self.grade(graded.filter { $0.prediction.time >= trainedUntil }) {
                let day = EventTime.text(trainedUntil).prefix(10)
                lines.append("  new to it  \(unseen) of these from \(day) on, where the model's training ended")
            }
        } else {
            lines.append("came true    no predictions whose 30 days have passed: stream more events to see")
        }
        // Those seen in the last month: who is long gone is not ranked by a score of long ago.
        let current = latest.filter { $0.value.time + PurchaseLog.horizon > lastTime }
        let top = current.sorted { ($1.value.probability, $0.key) < ($0.value.probability, $1.key) }.prefix(10)
        lines.append("most likely to return, of \(current.count) customers seen in the last 30 days:")
        for (customer, score) in top {
            let padded = customer.padding(toLength: 12, withPad: " ", startingAt: 0)
            lines.append("  \(padded) \(fixed(score.probability, 3))   last event \(EventTime.text(score.time))")
        }
        return lines.joined(separator: "\n")
    }

    /// `nil` where there is nothing to tell apart.
    private func grade(_ graded: [(prediction: Graded, label: Bool)]) -> String? {
        let labels = graded.map(\.label)
        guard labels.contains(true), labels.contains(false) else { return nil }
        let metrics = Metrics(probabilities: graded.map(\.prediction.probability), labels: labels, seed: 1)
        return "ROC-AUC \(fixed(metrics.rocAUC, 3)), log loss \(fixed(metrics.logLoss, 3)), "
            + "\(fixed(metrics.positiveRate * 100, 1)) % bought again, over \(labels.count) predictions"
    }

    private func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
}

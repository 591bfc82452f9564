import CoreMetrics
import Foundation
import Monitoring
import Scoring

/// What a pipeline notes of its predictions: served probabilities, latency, drift. Owned by one thread.
package struct PredictionMonitor {
    /// Bins of equal width over the probabilities, [0, 1].
    package static let scoreBins = 20

    /// Published predictions by bin of their probability.
    package private(set) var scores = [Int](repeating: 0, count: scoreBins)
    /// From the source message's timestamp to its prediction's being handed to the sink; seconds.
    package private(set) var endToEnd = Histogram()
    var drift: DriftWindow?
    var frequentCustomers = FrequentCustomers()
    var recentRows: RecentRows
    private var sinceSample = 0
    /// The wall clock when the batch was scored, milliseconds since 1970.
    private var nowMilliseconds: Int64 = 0
    private let score: Recorder
    private let latency: CoreMetrics.Timer

    /// - Parameters:
    ///   - reference: what the model has learned from; without it drift is not watched.
    ///   - driftRows: latest rows that are compared with it; 0 for none.
    ///   - recentRows: rows that are kept to be scored by other models; 0 for none.
    ///   - metrics: where scores and latencies are recorded.
    package init(
        reference: ReferenceDistributions? = nil, driftRows: Int = 0, recentRows: Int = 0,
        metrics: any MetricsFactory = NOOPMetricsHandler.instance
    ) {
        score = Recorder(label: "score", dimensions: [], aggregate: true, factory: metrics)
        latency = CoreMetrics.Timer(label: "end_to_end_latency", dimensions: [], factory: metrics)
        self.recentRows = RecentRows(rows: recentRows)
        watchDrift(from: reference, rows: driftRows)
    }

    /// Compares the latest rows with what a model has learned from, beginning now.
    mutating func watchDrift(from reference: ReferenceDistributions?, rows: Int) {
        drift = reference.flatMap { rows > 0 ? DriftWindow(reference: $0, rows: rows) : nil }
    }

    /// Reads the wall clock; once a batch, because it costs as much as publishing to a histogram.
    mutating func readClock() { nowMilliseconds = Int64(Date().timeIntervalSince1970 * 1000) }

    /// Takes a published prediction.
    /// - Parameter timestampMilliseconds: the source message's; `nil` when it had none.
    @inline(__always)
    mutating func published(_ prediction: Scorer.Prediction, probability: Double, timestampMilliseconds: Int64?) {
        // A model of absurd numbers gives none.
        if probability >= 0, probability <= 1 {
            scores[min(Int(probability * Double(Self.scoreBins)), Self.scoreBins - 1)] &+= 1
        }
        let milliseconds = timestampMilliseconds.map { max(nowMilliseconds - $0, 0) }
        if let milliseconds { endToEnd.record(Double(milliseconds) / 1000) }
        // What the model in service has learned from is held against its own predictions.
        if prediction.member == 0 {
            drift?.observe(
                startsInvoice: prediction.startsInvoice, features: prediction.features, probability: probability,
                customerHash: prediction.customerHash, time: prediction.time)
        }
        sinceSample &+= 1
        // Where noting costs more than counting.
        if sinceSample == RecentRows.samplingInterval {
            sinceSample = 0
            score.record(probability)
            frequentCustomers.note(prediction.customerHash)
            recentRows.append(prediction)
            if let milliseconds { latency.recordNanoseconds(milliseconds * 1_000_000) }
        }
    }
}

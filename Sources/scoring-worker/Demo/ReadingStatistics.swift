import Monitoring
import Scoring

/// What the demo measures when it reads the predictions back: their scores, their latency and the time that all took.
struct ReadingStatistics {
    /// From publishing an event to reading its prediction, in milliseconds.
    private(set) var latencies = Histogram()
    private var bins = [Int](repeating: 0, count: 10)
    private let started = ContinuousClock.now
    private var firstPrediction: ContinuousClock.Instant?
    private var finished: ContinuousClock.Instant?

    /// Counts one prediction.
    mutating func add(_ prediction: PublishedPrediction, latencyMilliseconds: Double) {
        firstPrediction = firstPrediction ?? .now
        latencies.record(latencyMilliseconds)
        bins[min(Int(prediction.probability * 10), 9)] += 1
    }

    /// Ends the measured time.
    mutating func finish() { finished = .now }

    /// Seconds from the first prediction to the end.
    var seconds: Double { ((finished ?? .now) - (firstPrediction ?? started)) / .seconds(1) }

    /// The distribution of the scores: a block for each tenth, the highest for the most frequent.
    var sparkline: String {
        let most = max(bins.max() ?? 0, 1)
        return String(bins.map { Array(" ▁▂▃▄▅▆▇█")[($0 * 8 + most - 1) / most] })
    }
}

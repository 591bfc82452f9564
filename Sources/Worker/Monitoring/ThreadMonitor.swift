import CoreMetrics
import Dispatch
import Monitoring
import Scoring

/// What a stream's thread notes of its own work. Only that thread touches it; others see its pictures.
struct ThreadMonitor {
    static let scoreBins = 20
    /// Of so many predictions one is recorded where recording costs more than counting.
    private static let sampleEvery = 16

    private(set) var scores = [Int](repeating: 0, count: scoreBins)
    private(set) var endToEnd = Histogram()
    var drift: DriftWindow?
    private var sinceSample = 0

    private let batchMessages: Recorder
    private let score: Recorder
    private let latency: Timer
    private let commit: Timer
    private let checkpoint: Timer
    /// By stage.
    private let stages: [Timer]

    /// What happens to a batch.
    enum Stage: String, CaseIterable {
        case decode, update, score, publish
    }

    /// Time spent in each stage, nanoseconds.
    struct StageTimes {
        var decode: UInt64 = 0
        var update: UInt64 = 0
        var score: UInt64 = 0
        var publish: UInt64 = 0
    }

    init(reference: ReferenceDistributions?, driftRows: Int, metrics: any MetricsFactory) {
        batchMessages = Recorder(label: "batch_messages", dimensions: [], aggregate: true, factory: metrics)
        score = Recorder(label: "score", dimensions: [], aggregate: true, factory: metrics)
        latency = Timer(label: "end_to_end_latency", dimensions: [], factory: metrics)
        commit = Timer(label: "commit_duration", dimensions: [], factory: metrics)
        checkpoint = Timer(label: "checkpoint_duration", dimensions: [], factory: metrics)
        stages = Stage.allCases.map {
            Timer(label: "stage_duration", dimensions: [("stage", $0.rawValue)], factory: metrics)
        }
        if let reference, driftRows > 0 { drift = DriftWindow(reference: reference, rows: driftRows) }
    }

    /// Takes a published prediction.
    /// - Parameter milliseconds: from the source message's timestamp to now; `nil` when it had none.
    @inline(__always)
    mutating func published(_ prediction: Scorer.Prediction, probability: Double, milliseconds: Int64?) {
        scores[min(Int(probability * Double(Self.scoreBins)), Self.scoreBins - 1)] &+= 1
        if let milliseconds { endToEnd.record(Double(max(milliseconds, 0)) / 1000) }
        drift?.observe(
            startsInvoice: prediction.startsInvoice, features: prediction.features, probability: probability,
            customerHash: prediction.customerHash, time: prediction.time)
        sinceSample &+= 1
        if sinceSample == Self.sampleEvery {
            sinceSample = 0
            score.record(probability)
            if let milliseconds { latency.recordNanoseconds(max(milliseconds, 0) * 1_000_000) }
        }
    }

    func processed(messages: Int, _ times: StageTimes) {
        batchMessages.record(messages)
        for (timer, nanoseconds) in zip(stages, [times.decode, times.update, times.score, times.publish]) {
            timer.recordNanoseconds(Int64(nanoseconds))
        }
    }

    func committed(nanoseconds: UInt64) { commit.recordNanoseconds(Int64(nanoseconds)) }
    func checkpointTaken(seconds: Double) { checkpoint.recordNanoseconds(Int64(seconds * 1e9)) }
}

/// A clock for durations; nanoseconds since some moment.
func monotonicNanoseconds() -> UInt64 { DispatchTime.now().uptimeNanoseconds }

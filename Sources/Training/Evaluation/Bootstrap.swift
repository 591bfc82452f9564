import Events
import Foundation

/// A cluster bootstrap: customers are drawn with replacement, each with all of their examples.
///
/// The examples of one customer are not independent, so resampling examples would make intervals too narrow (Efron and
/// Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 8). Two models that are evaluated by the same bootstrap
/// see the same draws, so that the differences of their metrics are paired.
struct Bootstrap: Sendable {
    /// Number of draws.
    let replicates: Int
    /// Decides the draws.
    let seed: UInt64
    /// Customers that may be drawn, by number.
    let customers: [Int32]

    /// The metrics of the sample itself, in which every customer counts once; means over the sets.
    func pointEstimate(_ sets: [RankedPredictions]) -> BootstrapMetrics {
        let weights = [Int32](repeating: 1, count: Int((customers.max() ?? -1) + 1))
        return BootstrapMetrics.mean(sets.map { $0.metrics(weights) })
    }

    /// The metrics of every replicate, each the mean over the sets.
    /// - Complexity: O(replicates × examples), on all cores; the result does not depend on their number.
    func metrics(_ sets: [RankedPredictions]) -> [BootstrapMetrics] {
        let size = Int((customers.max() ?? -1) + 1)
        // Each replicate has a seed of its own: neighbouring seeds would give one stream, shifted.
        var seeds = SplitMix64(seed: seed)
        let replicateSeeds = (0..<replicates).map { _ in seeds.next() }
        var results = [BootstrapMetrics](repeating: BootstrapMetrics(), count: replicates)
        results.withUnsafeMutableBufferPointer { results in
            nonisolated(unsafe) let results = results
            DispatchQueue.concurrentPerform(iterations: replicates) { replicate in
                var generator = SplitMix64(seed: replicateSeeds[replicate])
                var weights = [Int32](repeating: 0, count: size)
                for _ in customers {
                    weights[Int(customers[Int(generator.next() % UInt64(customers.count))])] += 1
                }
                results[replicate] = BootstrapMetrics.mean(sets.map { $0.metrics(weights) })
            }
        }
        return results
    }
}

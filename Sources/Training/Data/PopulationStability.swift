import Events
import Monitoring

/// Population stability index of two histograms; infinite when their bins differ.
func populationStabilityIndex(_ now: [Int], _ then: [Int]) -> Double {
    guard now.count == then.count else { return .infinity }
    return populationStabilityIndex(now.map(Double.init), then.map(Double.init), log: Elementary.log)
}

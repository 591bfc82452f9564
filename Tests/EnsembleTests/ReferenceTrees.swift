@testable import Ensemble

extension ImportedModel {
    /// Log-odds of one row: its parts' margins, added in 64-bit floats.
    func margin(_ row: ArraySlice<Float>) -> Double { parts.reduce(0) { $0 + Double($1.margin(row)) } }
}

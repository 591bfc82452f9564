/// A prediction that was published, and its label as soon as that is known.
package struct GradedPrediction: Sendable, Equatable {
    package enum Label: UInt8, BitwiseCopyable, Sendable {
        case pending, notBought, bought
    }

    /// t, milliseconds of event time.
    package let time: Int64
    /// Offset of the message that it is of.
    package let offset: Int64
    package let customerHash: UInt64
    package let invoiceHash: UInt64
    /// Probability by the models of its version, in that version's order; 0 beyond them.
    package let probabilities: InlineArray<5, Double>
    /// Place in the grader's versions.
    package let version: UInt16
    package let label: Label

    package static func == (a: Self, b: Self) -> Bool {
        (a.time, a.offset, a.customerHash, a.invoiceHash, a.version, a.label)
            == (b.time, b.offset, b.customerHash, b.invoiceHash, b.version, b.label)
            && a.probabilities.indices.allSatisfy { a.probabilities[$0] == b.probabilities[$0] }
    }
}

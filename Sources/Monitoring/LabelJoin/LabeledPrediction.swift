/// A published prediction, and its label as soon as that is known.
package struct LabeledPrediction: Sendable, Equatable {
    /// Whether the customer bought again within the horizon. The raw values are those of checkpoints.
    package enum Label: UInt8, BitwiseCopyable, Sendable {
        case pending, notBought, bought
        /// Pending, and for an instant so far ahead of the partition that others behind it are due before it.
        case deferred

        /// Whether the label is not known yet.
        package var isPending: Bool { self == .pending || self == .deferred }
    }

    /// t, milliseconds of event time.
    package let time: Int64
    /// Offset of the message that was scored.
    package let offset: Int64
    /// Hash of the customer identifier.
    package let customerHash: UInt64
    /// Hash of the invoice number.
    package let invoiceHash: UInt64
    /// By the models of its version, in that version's order; 0 beyond them.
    package let probabilities: InlineArray<5, Double>
    /// Index into the label join's versions.
    package let version: UInt16
    /// Pending until a later event decides it.
    package let label: Label
    /// The event's place in its message; `scheduledLine` for an instant of the schedule.
    package let line: UInt16
    /// The parts of all rows that its row is in, as `RowSlice.mask` has them; 0 where that was not noted.
    package let slices: UInt16

    /// Stands for no line of a message.
    static let scheduledLine = Int(UInt16.max)
    /// Whether it is of an instant of the schedule, and of no event.
    package var isScheduled: Bool { Int(line) == Self.scheduledLine }

    @inline(__always)
    static func line(of event: LabelJoin.Event) -> UInt16 {
        UInt16(event.isScheduled ? scheduledLine : min(event.line, scheduledLine - 1))
    }

    /// Compares all members; `InlineArray` is not `Equatable`.
    package static func == (a: Self, b: Self) -> Bool {
        (a.time, a.offset, a.customerHash, a.invoiceHash, a.version, a.label)
            == (b.time, b.offset, b.customerHash, b.invoiceHash, b.version, b.label)
            && (a.line, a.slices) == (b.line, b.slices)
            && a.probabilities.indices.allSatisfy { a.probabilities[$0] == b.probabilities[$0] }
    }
}

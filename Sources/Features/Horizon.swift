import Events

/// How far ahead a prediction looks: whether the customer buys again within so many days.
///
/// It belongs to a model. A customer's state is the same whatever the horizon.
public struct Horizon: Hashable, Sendable {
    /// Days, 1 to 365.
    public let days: Int

    /// The horizons that a model may have, days.
    package static let range = 1...365
    /// 30 days.
    package static let standard = Horizon(days: 30)

    /// - Precondition: `days` is in `range`.
    package init(days: Int) {
        precondition(Self.range.contains(days))
        self.days = days
    }

    /// The same in milliseconds.
    package var milliseconds: Int64 { Int64(days) * EventTime.millisecondsPerDay }
}

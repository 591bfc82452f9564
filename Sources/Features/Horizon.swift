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

    /// Fewest days of a history that models learn from, besides those in which the latest labels become known: the combiners need
    /// some that are predicted by models that have learned from the days before.
    package var learningDays: Int { max(28, min(days * 5 / 2 + 1, days + 46)) }
    /// Fewest days that models are tested on, besides those in which the labels become known.
    package static let testedDays = 7
    /// Shortest history that a model can be trained on, days. One is lost where periods begin at midnight.
    package var shortestHistoryDays: Int { 2 * days + learningDays + Self.testedDays + 1 }

    /// The longest horizon for which a history of so many days suffices; `nil` where it is too short for any.
    package static func longest(forHistoryDays span: Int) -> Horizon? {
        range.reversed().lazy.map { Horizon(days: $0) }.first { $0.shortestHistoryDays <= span }
    }

    /// The same in milliseconds.
    package var milliseconds: Int64 { Int64(days) * EventTime.millisecondsPerDay }
}

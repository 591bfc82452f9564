import Events

/// The sliding windows of a customer's state: event time in (clock − length, clock].
public enum Windows {
    /// Lengths in days, ascending. States are computed for these windows only; an artifact with others is refused.
    public static let days: [Int] = [7, 30, 60, 90, 180, 365]
    /// How many windows there are.
    public static let count = 6
    /// The longest window. Older events remain in the lifetime totals only.
    public static let longestDays = 365

    @usableFromInline
    static let milliseconds: InlineArray<6, Int64> = [
        7 * 86_400_000, 30 * 86_400_000, 60 * 86_400_000, 90 * 86_400_000, 180 * 86_400_000, 365 * 86_400_000,
    ]
    @usableFromInline
    static let longestMilliseconds: Int64 = 365 * 86_400_000
}

import Foundation
import Testing

/// Tests that take minutes: they run where FUTURE_CART_NIGHT is set (`deploy/test.sh --night`), and not in the gate.
public enum Night {
    public static let isNow = ProcessInfo.processInfo.environment["FUTURE_CART_NIGHT"] != nil
}

extension Trait where Self == ConditionTrait {
    /// Runs at night alone.
    public static var night: Self { .enabled(if: Night.isNow, "long: runs with deploy/test.sh --night") }
}

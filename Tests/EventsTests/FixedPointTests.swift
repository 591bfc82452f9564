import Events
import Foundation
import Testing

@Suite struct FixedPointTests {
    func parse(_ text: String, digits: Int) -> (value: Int64, exact: Bool)? {
        Array(text.utf8).withUnsafeBytes { FixedPoint.parse($0, digits: digits) }
    }

    @Test(
        arguments: [
            ("2.55", 25_500, true), ("0", 0, true), ("-0.0", 0, true), ("1e2", 1_000_000, true),
            ("2.55e-1", 2550, true),
            ("0.00005", 1, false), ("0.00004999999", 0, false), ("-0.00005", -1, false),
            ("2.5500000000000003", 25_500, false),
            ("123456789012.3456", 1_234_567_890_123_456, true), ("1E+3", 10_000_000, true),
            ("0.1234499999999999999999", 1234, false),
            ("1e-400", 0, false), ("8142.75", 81_427_500, true),
        ] as [(String, Int64, Bool)])
    func readsMoneyToTheNearestTenThousandth(text: String, expected: Int64, exact: Bool) throws {
        let parsed = try #require(parse(text, digits: 4))
        #expect(parsed.value == expected)
        #expect(parsed.exact == exact)
    }

    @Test(arguments: [
        "", "-", "+1", ".5", "1.", "01", "1e", "1e+", "0x10", "1 ", " 1", "NaN", "1.5.2", "1e400",
        "99999999999999999999",
    ])
    func refusesWhatIsNoNumberOrDoesNotFit(text: String) { #expect(parse(text, digits: 4) == nil) }

    @Test func writesWhatItReads() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<10_000 {
            let money = Int64.random(in: -1_000_000_000_000...1_000_000_000_000, using: &generator)
            var out: [UInt8] = []
            FixedPoint.appendMoney(money, to: &out)
            let parsed = out.withUnsafeBytes { FixedPoint.parse($0, digits: 4) }
            #expect(parsed?.value == money && parsed?.exact == true, "\(money)")
        }
    }
}

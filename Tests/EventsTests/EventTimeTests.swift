import Events
import Foundation
import Testing

@Suite struct EventTimeTests {
    @Test(
        arguments: [
            ("2010-12-01T08:26:00Z", 1_291_191_960_000), ("2010-12-01 08:26:00", 1_291_191_960_000),
            ("2010-12-01T08:26", 1_291_191_960_000), ("2010-12-01T10:26:00+02:00", 1_291_191_960_000),
            ("2010-12-01T08:26:00.5Z", 1_291_191_960_500), ("2010-12-01T08:26:00.123456Z", 1_291_191_960_123),
            ("2010-12-01", 1_291_161_600_000), ("1970-01-01T00:00:00Z", 0), ("2012-02-29", 1_330_473_600_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ] as [(String, Int64)])
    func readsISO8601(text: String, expected: Int64) { #expect(EventTime.parse(text) == expected) }

    @Test(arguments: [
        "", "2010", "2010-13-01", "2011-02-29", "2010-12-01T24:00:00", "2010-12-01T08:60", "2010-12-01T08:26:00Zx",
        "2010-12-01T08:26:00+2", "1969-12-31", "10000-01-01", "2010/12/01", "12/1/2010 8:26", "2010-12-01T",
        "yesterday",
    ])
    func refusesWhatIsNoTime(text: String) { #expect(EventTime.parse(text) == nil) }

    @Test func agreesWithFoundationOnEveryDayOfTwoCenturies() {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(identifier: "UTC")!
        for day in stride(from: 0, to: 73_000, by: 1) {
            let date = Date(timeIntervalSince1970: Double(day) * 86_400)
            let parts = calendar.dateComponents([.year, .month, .day, .weekday], from: date)
            let ours = EventTime.date(ofDay: day)
            #expect(ours == (parts.year!, parts.month!, parts.day!))
            #expect(EventTime.weekday(ofDay: Int32(day)) == (parts.weekday! + 5) % 7)
            #expect(EventTime.day(year: ours.year, month: ours.month, day: ours.day) == day)
        }
    }

    @Test func everyDayHasItsDateAndEveryDateItsDay() {
        var expected = (year: 1970, month: 1, day: 1)
        for day in 0...Int(EventTime.latest / EventTime.millisecondsPerDay) {
            let date = EventTime.date(ofDay: day)
            if date != expected || EventTime.day(year: date.year, month: date.month, day: date.day) != day {
                Issue.record("day \(day): \(date), not \(expected)")
                return
            }
            let isLeap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0)
            let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            expected.day += 1
            if expected.day > lengths[expected.month - 1] { expected = (expected.year, expected.month + 1, 1) }
            if expected.month > 12 { expected = (expected.year + 1, 1, 1) }
        }
        #expect(expected == (10_000, 1, 1))
    }

    @Test func writesWhatItReads() {
        var generator = SplitMix64(seed: 7)
        for _ in 0..<10_000 {
            let time = Int64(generator.next() % UInt64(EventTime.latest))
            #expect(EventTime.parse(EventTime.text(time)) == time)
        }
    }
}

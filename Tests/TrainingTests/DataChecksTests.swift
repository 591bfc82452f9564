import Events
import Foundation
import TestSupport
import Testing

@testable import Training

@Suite struct DataChecksTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    func survey(_ events: [SampleEvent]) throws -> HistorySurvey {
        let path = try directory.file("h.ndjson", events.flatMap { $0.json + [0x0A] })
        return try HistorySurvey(History(path: path), horizon: .standard) { _, _ in }
    }

    /// So many ordinary events of distinct products, an hour apart.
    func ordinary(_ count: Int, from day: Int64 = 15_000) -> [SampleEvent] {
        var events: [SampleEvent] = []
        for number in 0..<count {
            var event = SampleEvent(customer: "C\(number % 40)", invoice: "I\(number / 3)", product: "P\(number)")
            event.quantity = Int64(1 + number % 9)
            event.time = day * 86_400_000 + Int64(number) * 3_600_000
            event.price = Int64(10_000 + number % 50_000)
            events.append(event)
        }
        return events
    }

    /// Two of three events changed.
    private func changed(_ events: [SampleEvent], _ change: (inout SampleEvent) -> Void) -> [SampleEvent] {
        var events = events
        for number in events.indices where number % 3 != 0 { change(&events[number]) }
        return events
    }

    func failing(_ profile: DataProfile, champion: DataProfile? = nil, skipped: Int = 0) -> [String] {
        var checks = DataChecks()
        checks.minEvents = 500
        return checks.findings(profile, skipped: skipped, champion: champion).filter { $0.severity == .error }.map(
            \.check)
    }

    @Test func ordinaryDataPass() throws {
        let profile = try survey(ordinary(2000)).profile
        #expect(failing(profile) == [])
        #expect(failing(profile, champion: profile) == [])
    }

    /// Each way in which data go bad is found by the check that is for it.
    @Test func eachPoisonIsFoundByItsCheck() throws {
        let good = ordinary(2000)
        var mostlyAnonymous = good
        for number in good.indices where number % 3 != 0 { mostlyAnonymous[number].customer = "" }
        let thin = Array(good.prefix(1800)) + stride(from: 1800, to: 2000, by: 20).map { good[$0] }
        let poisons: [(check: String, events: [SampleEvent])] = [
            ("min_events", Array(good.prefix(400))),
            ("max_anonymous_share", mostlyAnonymous),
            ("max_duplicate_share", good.flatMap { [$0, $0] }),
            ("max_late_share", changed(good) { $0.time -= 20 * 86_400_000 }),
            ("max_unpriced_share", changed(good) { $0.price = 0 }),
            ("max_cancellation_share", changed(good) { $0.quantity = -2 }),
            ("max_gap_days", ordinary(1000) + ordinary(1000, from: 15_000 + 42 + 40)),
            ("min_last_week", thin),
        ]
        for (check, events) in poisons {
            let found = failing(try survey(events).profile)
            #expect(found == [check], "\(check): \(found)")
        }
        #expect(failing(try survey(good).profile, skipped: 40) == ["max_skipped_share"])
    }

    @Test func aCustomerWhoIsRatherNobodyIsFound() throws {
        var events = ordinary(2000)
        func failing() throws -> [Finding] {
            let survey = try survey(events)
            var checks = DataChecks()
            checks.minEvents = 500
            return checks.findings(survey.profile, largestCustomer: survey.largestCustomer, champion: nil).filter {
                $0.severity == .error
            }
        }
        #expect(try failing().isEmpty)
        for index in events.indices where index % 5 == 0 { events[index].customer = "guest" }
        let found = try failing()
        #expect(found.map(\.check) == ["max_customer_share"])
        #expect(
            found.first?.text.contains("of the customer \"guest\": if that is nobody, add it to events.missing") == true
        )
    }

    @Test func aHistoryIsHeldAgainstTheChampions() throws {
        let champion = try survey(ordinary(2000)).profile
        #expect(failing(try survey(ordinary(1000)).profile, champion: champion) == ["max_shrinkage"])
        let cents = all(ordinary(2000)) { $0.price *= 100 }
        #expect(failing(try survey(cents).profile, champion: champion) == ["max_stability_index"])
        let nameless = all(ordinary(2000)) { $0.description = "" }
        #expect(failing(try survey(nameless).profile, champion: champion) == ["max_share_change"])
    }

    @Test func aProfileSurvivesItsFile() throws {
        let profile = try survey(ordinary(700)).profile
        let read = try JSONDecoder().decode(DataProfile.self, from: Data(try encoded(profile)))
        #expect(try encoded(read) == encoded(profile))
        #expect(failing(profile, champion: read) == [])
    }

    private func all(_ events: [SampleEvent], _ change: (inout SampleEvent) -> Void) -> [SampleEvent] {
        var events = events
        for number in events.indices { change(&events[number]) }
        return events
    }
}

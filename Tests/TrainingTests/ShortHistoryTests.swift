import Ensemble
import Events
import Features
import Foundation
import TestSupport
import Testing

@testable import Training

/// Histories that are short or odd: they train and it is said what is weak, or they are refused with the figure that is needed.
@Suite struct ShortHistoryTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// A history of single lines: customer, day and, where they differ from the first customer's, more.
    func history(_ events: some Sequence<SampleEvent>) throws -> String {
        let lines = events.map { String(decoding: $0.json, as: UTF8.self) }
        return try directory.file("h.ndjson", lines.joined(separator: "\n") + "\n")
    }

    func generated(customers: Int, days: Int, _ isKept: (EventFields) -> Bool = { _ in true }) throws -> String {
        let path = directory.path + "/generated.csv"
        let writer = try HistoryWriter(path: path, format: .csv)
        let shop = ShopGenerator(customers: customers, days: days, seed: 12)
        while let fields = shop.nextFields() { if isKept(fields) { try writer.write(fields) } }
        try writer.close()
        return path
    }

    func settings(_ horizon: Int) -> TrainingSettings {
        var settings = TrainerTests.small()
        settings.horizon = Horizon(days: horizon)
        settings.backtest.origins = 0
        // What is asked here is whether it trains, not how well.
        settings.gate.minROCAUC = 0
        settings.gate.maxECE = 1
        settings.checks.minEvents = 1
        settings.checks.maxCustomerShare = 1
        return settings
    }

    func train(_ path: String, horizon: Int, _ change: (inout TrainingSettings) -> Void = { _ in }) throws
        -> RetrainJob.Outcome
    {
        var settings = settings(horizon)
        change(&settings)
        return try RetrainJob(settings: settings, models: directory.path + "/models").run(History(path: path)) { _, _ in
        }
    }

    func warnings(_ outcome: RetrainJob.Outcome) -> Set<String> {
        Set(outcome.findings.filter { $0.severity == .warning }.map(\.check))
    }

    // MARK: Lengths

    @Test func everyHistoryOfTheLengthThatIsNamedHasRoom() throws {
        let standard = EvaluationProtocol.Settings()
        for days in Horizon.range {
            let horizon = Horizon(days: days)
            let shortest = horizon.shortestHistoryDays
            for span in [shortest, shortest + 1, shortest + 30, shortest + 99, shortest + 400, 2000]
            where span >= shortest {
                // A history that begins and ends in the middle of a day.
                let start = 15_000 * EventTime.millisecondsPerDay + 43_200_000
                let end = start + Int64(span) * EventTime.millisecondsPerDay - 1
                let fitted = standard.fitted(to: span, horizon: horizon)
                let times = try EvaluationProtocol(start: start, end: end, horizon: horizon, settings: fitted)
                #expect(!times.testObservationDates.isEmpty && times.lastTest > times.split, "\(days) of \(span)")
                #expect(
                    times.regularObservationDates.contains { $0 + times.horizon <= times.split }, "\(days) of \(span)")
                let isStandard = days < 99 && span > 99 + max(76, horizon.learningDays) + days
                #expect((fitted == standard) == isStandard, "\(days) of \(span)")
            }
            #expect(Horizon.longest(forHistoryDays: shortest)?.days ?? 0 >= days)
            #expect(Horizon.longest(forHistoryDays: shortest - 1)?.days ?? 0 < days)
        }
        // Periods that somebody has chosen stay as they are.
        var chosen = standard
        chosen.testDays = 50
        #expect(chosen.fitted(to: 100, horizon: Horizon(days: 7)) == chosen)
    }

    @Test func weeksTrainAtAShortHorizonAndSaySo() throws {
        let path = try generated(customers: 500, days: 56)
        let outcome = try train(path, horizon: 7)
        #expect(outcome.status == .promoted)
        #expect(warnings(outcome).isSuperset(of: ["short_history"]))
        let artifact = try ModelArtifact(path: directory.path + "/models")
        #expect(artifact.manifest.settings["evaluation.test_days"] != "99")
        // Its periods are its own, so that it is evaluated as it was.
        let settings = try EvaluationProtocol.Settings(record: artifact.manifest.settings)
        #expect(settings.fitted(to: 56, horizon: Horizon(days: 7)) == settings)
        let error = #expect(throws: DataError.self) { try train(path, horizon: 30) }
        #expect(error?.description.contains("spans 55 days: at least 144 are needed") == true, "\(error!)")
        #expect(error?.description.contains("set horizon_days to 9 at most") == true, "\(error!)")
    }

    // MARK: Odd shops

    @Test func fewCustomersOfOneCountryWithoutReturnsTrainAndSaySo() throws {
        let path = try generated(customers: 60, days: 330) { fields in
            !String(decoding: fields[.quantity].bytes, as: UTF8.self).hasPrefix("-")
        }
        var text = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
        // Without descriptions and countries.
        text = text.enumerated().map { index, line in
            var cells = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            if index > 0 { (cells[3], cells[7]) = ("", "") }
            return cells.joined(separator: ",")
        }
        try text.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
        let outcome = try train(path, horizon: 30)
        #expect(outcome.status == .promoted)
        #expect(warnings(outcome).isSuperset(of: ["few_customers", "no_returns", "no_description", "one_country"]))
        _ = try ModelArtifact(path: directory.path + "/models")
    }

    private static let firstDay: Int64 = 1_600_000_000_000

    /// A customer's line on a day.
    func line(_ customer: Int, _ day: Int, named name: String? = nil) -> SampleEvent {
        SampleEvent(
            customer: name ?? "\(customer)", invoice: "\(day)-\(customer)", product: "\(customer % 7)",
            time: Self.firstDay + Int64(day) * EventTime.millisecondsPerDay + Int64(customer) * 1000)
    }

    @Test func whereEverybodyOrNobodyComesBackIsRefusedWithWhatWouldHelp() throws {
        var events: [SampleEvent] = []
        for day in 0..<300 {
            for customer in 0..<200 where (customer + day) % 3 == 0 { events.append(line(customer, day)) }
        }
        let regular = try history(events)
        let always = #expect(throws: DataError.self) { try train(regular, horizon: 30) }
        #expect(always?.description.contains("all of customers who buy again within 30 days") == true, "\(always!)")
        #expect(always?.description.contains("a shorter horizon_days") == true)
        let once = try history((0..<6000).map { line($0, $0 / 20) })
        let never = #expect(throws: DataError.self) { try train(once, horizon: 30) }
        #expect(never?.description.contains("who do not buy again within 30 days") == true, "\(never!)")
        #expect(never?.description.contains("a longer horizon_days") == true)
    }

    @Test(arguments: [true, false]) func ratesNearOneAndZeroTrainAndSaySo(nearlyAll: Bool) throws {
        // Some of the customers are otherwise than the rest.
        var random = SplitMix64(seed: 5)
        var events: [SampleEvent] = []
        for day in 0..<300 {
            for customer in 0..<200 {
                let (isOther, chance) = (customer % 20 == 0, random.uniform())
                if nearlyAll {
                    if chance < (isOther ? 0.01 : 0.3) { events.append(line(customer, day)) }
                } else if isOther {
                    if chance < 0.03 { events.append(line(customer, day)) }
                } else if chance < 0.2 {
                    // Somebody who comes once.
                    events.append(line(customer, day, named: "\(day)-\(customer)"))
                }
            }
        }
        let outcome = try train(try history(events), horizon: 30)
        #expect(outcome.status == .promoted)
        let finding = try #require(outcome.findings.first { $0.check == "base_rate" })
        #expect(finding.severity == .warning)
        #expect(
            finding.text.contains(nearlyAll ? "a shorter horizon_days" : "a longer horizon_days"), "\(finding.text)")
    }
}

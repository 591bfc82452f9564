import Events
import Features
import Foundation
import TestSupport
import Testing

@testable import Training

/// A history gives the same examples, rows and digest wherever it lies.
@Suite struct HistoryOrderTests {
    let directory: TemporaryDirectory
    let messages: [(customer: String, time: String, line: [UInt8])]

    init() throws {
        directory = try TemporaryDirectory()
        let encoder = EventEncoder()
        let shop = ShopGenerator(customers: 150, days: 260, seed: 5)
        var messages: [(String, String, [UInt8])] = []
        while let fields = shop.nextFields() {
            var line: [UInt8] = []
            encoder.append(fields, to: &line)
            messages.append(
                (
                    String(decoding: fields[.customerID].bytes, as: UTF8.self),
                    String(decoding: fields[.invoiceDate].bytes, as: UTF8.self), line + [0x0A]
                ))
        }
        self.messages = messages
    }

    private func prepare(_ streams: [[String]]) throws -> TrainingRun.Prepared {
        let run = TrainingRun(settings: TrainingSettings())
        let history = History(streams: streams)
        return try run.prepare(history, survey: run.survey(history) { _, _ in }) { _, _ in }
    }

    private func expectEqual(
        _ a: TrainingRun.Prepared, _ b: TrainingRun.Prepared, location: SourceLocation = #_sourceLocation
    ) {
        #expect(a.survey.digest == b.survey.digest, sourceLocation: location)
        #expect(a.survey.profile == b.survey.profile, sourceLocation: location)
        #expect(a.encoding == b.encoding, sourceLocation: location)
        #expect(a.dataset.count == b.dataset.count, sourceLocation: location)
        let differing = zip(a.dataset.indices, zip(a.dataset, b.dataset)).count { index, pair in
            let (p, q) = pair
            let isSame =
                p.kind == q.kind && p.customer == q.customer && p.time == q.time && p.label == q.label
                && p.positionInInvoice == q.positionInInvoice
                && a.dataset.features(index).map(\.bitPattern) == b.dataset.features(index).map(\.bitPattern)
            return !isSame
        }
        #expect(differing == 0, sourceLocation: location)
        #expect(a.dataset.contains { $0.kind == .observation }, sourceLocation: location)
    }

    /// An export of a quarter beside that of its last month, and one of the whole beside its part.
    @Test(arguments: [(0.5, 0.4), (0.9, 0.0)]) func rowsInTwoFilesAreCounted(end: Double, start: Double) throws {
        let (end, start) = (Int(Double(messages.count) * end), Int(Double(messages.count) * start))
        let files = [
            try directory.file("first.ndjson", messages[..<end].flatMap(\.line)),
            try directory.file("second.ndjson", messages[start...].flatMap(\.line)),
        ]
        let error = #expect(throws: DataError.self) { try prepare([files]) }
        let text = try #require(error?.description)
        let count = try #require(text.firstMatch(of: /(\d+) rows are in an earlier file too/).flatMap { Int($0.1) })
        // Of the last instant of the first file it cannot be told.
        #expect(count > end - start - 30 && count <= end - start, "\(text)")
        #expect(text.contains("second.ndjson:1"))
    }

    @Test func oneFileSeveralFilesAndPartitionsAreTheSame() throws {
        let whole = try directory.file("whole.ndjson", messages.flatMap(\.line))
        let one = try prepare([[whole]])
        let cuts = [0, messages.count / 5, messages.count / 2, messages.count]
        let pieces = try (0..<3).map { piece in
            try directory.file("piece-\(piece).ndjson", messages[cuts[piece]..<cuts[piece + 1]].flatMap(\.line))
        }
        let several = try prepare([pieces])
        expectEqual(one, several)
        let partitions = try (0..<4).map { partition in
            try directory.file(
                "partition-\(partition).ndjson",
                messages.filter { contentHash(of: $0.customer) % 4 == UInt64(partition) }.flatMap(\.line))
        }
        expectEqual(one, try prepare(partitions.map { [$0] }))
        expectEqual(one, try prepare(partitions.reversed().map { [$0] }))
    }

    /// Files of one stream share a clock: given out of order, customers of the second would be forgotten at every event.
    @Test func filesThatDoNotFollowEachOtherAreRefused() throws {
        let halves = try (0..<2).map { half in
            try directory.file(
                "half-\(half).ndjson",
                messages.filter { contentHash(of: $0.customer) % 2 == UInt64(half) }.flatMap(\.line))
        }
        #expect { try prepare([halves]) } throws: { "\($0)".contains("give the files in order of time") }
    }

    /// The obvious way: every customer with a purchase before an observation date has an example on it.
    @Test func observationDatesHoldEveryCustomerKnownByThen() throws {
        let whole = try directory.file("whole.ndjson", messages.flatMap(\.line))
        let prepared = try prepare([[whole]])
        let dates = prepared.times.observationDates
        #expect(dates.count > 10)
        var first: [Int: Int64] = [:]
        let reader = try HistoryReader(path: whole)
        while let event = try reader.next() {
            guard event.isPurchase, !event.isAnonymous else { continue }
            let customer = try #require(prepared.survey.customers[event.customerHash])
            first[customer] = min(first[customer] ?? .max, event.time)
        }
        for date in dates {
            let taken = prepared.dataset.filter { $0.kind == .observation && $0.time == date }.map {
                Int($0.customer)
            }
            #expect(taken == first.filter { $0.value < date }.keys.sorted(), "\(EventTime.text(date))")
        }
    }

    @Test func patternsNameFilesInOrder() throws {
        for name in ["2011-02.csv", "2011-01.csv", "other.csv"] { _ = try directory.file(name, "x") }
        let history = try History(patterns: ["\(directory.path)/2011-*.csv", "\(directory.path)/other.csv"])
        #expect(
            history.paths.map { ($0 as NSString).lastPathComponent } == ["2011-01.csv", "2011-02.csv", "other.csv"])
        for (patterns, reason) in [
            (["\(directory.path)/1999-*"], "matches no file"), (["\(directory.path)/none.csv"], "is not there"),
            (["\(directory.path)/other.csv", "\(directory.path)/o*.csv"], "is given twice"),
            ([directory.path], "is a directory"),
        ] {
            #expect { try History(patterns: patterns) } throws: { "\($0)".contains(reason) }
        }
    }
}

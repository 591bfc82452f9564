import Testing
import Worker

@testable import scoring_worker

/// What chaos says of a run, by what it found in the output topic.
@Suite struct ExpectedPredictionsTests {
    /// Two partitions: three events that are scored, and one that is not.
    var expectation: ExpectedPredictions {
        var expectation = ExpectedPredictions(partitions: 2)
        for (partition, payloads) in [(0, [10]), (0, []), (0, [12]), (1, [20])] as [(Int, [UInt64])] {
            expectation.append(partition: partition, .init(payloads: payloads.map { .init(line: nil, hash: $0) }))
        }
        return expectation
    }

    func verdict(_ found: [(partition: Int, offset: Int, payload: UInt64)]) -> ExpectedPredictions.Verdict {
        var expectation = expectation
        for record in found {
            expectation.compare(
                partition: record.partition, offset: record.offset, line: nil, payload: record.payload)
        }
        return expectation.finish()
    }

    @Test func eachOnceIsClean() {
        let verdict = verdict([(1, 0, 20), (0, 0, 10), (0, 2, 12)])
        #expect(verdict.isClean)
        #expect(verdict.description.hasPrefix("exactly once: 3 scorable events, 3 predictions; 0 missing, 0 repeated"))
    }

    @Test func whatIsRepeatedIsCounted() {
        let verdict = verdict([(1, 0, 20), (0, 0, 10), (0, 2, 12), (0, 2, 12), (1, 0, 20)])
        #expect(verdict.repeated == 2 && verdict.missing == 0 && !verdict.isClean)
        #expect(verdict.description.hasPrefix("NOT exactly once: "))
        #expect(verdict.description.hasSuffix("first: 0@2 twice"))
    }

    @Test func customersWithoutAnEventAreToldApart() throws {
        func verdict(_ found: [(source: String, payload: UInt64)]) throws -> ExpectedPredictions.Verdict {
            var expectation = ExpectedPredictions(partitions: 1)
            expectation.append(
                partition: 0,
                .init(
                    payloads: [.init(line: nil, hash: 1)],
                    scheduled: [
                        .init(instant: 86_400_000, customerHash: 10): .init(hash: 2),
                        .init(instant: 86_400_000, customerHash: 11): .init(hash: 3),
                    ]))
            for record in found {
                let source: PredictionSource? = Array("events/0/0/\(record.source)".utf8).withUnsafeBytes {
                    PredictionSource($0)
                }
                expectation.compare(source, payload: record.payload)
            }
            return expectation.finish()
        }
        let (ten, eleven) = ("schedule/86400000/000000000000000a", "schedule/86400000/000000000000000b")
        let clean = try verdict([("", 1), (ten, 2), (eleven, 3)])
        #expect(clean.isClean, "\(clean)")
        #expect(clean.description.hasPrefix("exactly once: 1 scorable events and 2 due customers, 3 predictions;"))
        #expect(try verdict([("", 1), (ten, 2)]).missing == 1)
        #expect(try verdict([("", 1), (ten, 2), (ten, 2), (eleven, 3)]).repeated == 1)
        #expect(try verdict([("", 1), (ten, 3), (eleven, 3)]).different == 1)
        #expect(try verdict([("schedule/86400001/000000000000000a", 2)]).unexpected == 1)
    }

    @Test func linesOfAMessageAreToldApart() {
        func verdict(_ found: [(line: Int?, payload: UInt64)]) -> ExpectedPredictions.Verdict {
            var expectation = ExpectedPredictions(partitions: 1)
            expectation.append(
                partition: 0, .init(payloads: [.init(line: 0, hash: 1), .init(line: 2, hash: 3)]))
            for record in found {
                expectation.compare(partition: 0, offset: 0, line: record.line, payload: record.payload)
            }
            return expectation.finish()
        }
        #expect(verdict([(0, 1), (2, 3)]).isClean)
        #expect(verdict([(0, 1), (2, 1)]).different == 1)
        #expect(verdict([(0, 1), (0, 1)]).repeated == 1)
        #expect(verdict([(0, 1), (1, 2)]).unexpected == 1)
        #expect(verdict([(0, 1), (nil, 3)]).firstDifference == "unexpected prediction of 0@0")
        #expect(verdict([(0, 1)]).missing == 1)
    }

    @Test func whatIsMissingDifferentOrUnexpectedIsCounted() {
        #expect(verdict([(0, 0, 10), (0, 2, 12)]).missing == 1)
        let different = verdict([(1, 0, 20), (0, 0, 11), (0, 2, 12)])
        #expect(different.different == 1 && different.missing == 0)
        #expect(!different.isClean)
        // Of the event that is not scored, of an offset that was never published, and of no partition.
        let right: [(partition: Int, offset: Int, payload: UInt64)] = [(1, 0, 20), (0, 0, 10), (0, 2, 12)]
        let unexpected = verdict(right + [(0, 1, 11), (0, 3, 13), (-1, -1, 1)])
        #expect(unexpected.unexpected == 3 && unexpected.missing == 0)
        #expect(!unexpected.isClean)
    }

    @Test func aRunThatRanOutOfTimeIsUndecided() {
        var verdict = verdict([(0, 0, 10)])
        verdict.unfinished = "1 of 4 events committed"
        #expect(!verdict.isClean)
        #expect(verdict.description.hasPrefix("UNDECIDED: 1 of 4 events committed; "), "\(verdict)")
        // What was found wrong until then is wrong all the same.
        verdict.repeated = 1
        #expect(verdict.description.hasPrefix("NOT exactly once: "))
    }
}

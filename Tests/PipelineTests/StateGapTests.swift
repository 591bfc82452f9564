import Ensemble
import Events
import Scoring
import TestSupport
import Testing

@testable import Pipeline

/// A log that was cut: which predictions say that events may be missing, and from when on none does.
@Suite struct StateGapTests {
    private let artifact: ModelArtifact

    init() throws { artifact = try ModelArtifact(path: Checkout.models) }

    private static func message(_ customer: String, day: Int) -> [UInt8] {
        let time = EventTime.text(1_300_000_000_000 + Int64(day) * EventTime.millisecondsPerDay)
        let text =
            #"{"customer_id":"\#(customer)","invoice_no":"\#(day)","stock_code":"A","quantity":1,"invoice_date":"\#(time)","unit_price":1}"#
        return Array(text.utf8)
    }

    /// Which predictions are marked, of messages behind a cut; with a time to live of 400 days.
    private func marked(_ messages: [[UInt8]], batch: Int) throws -> [Bool] {
        let pipeline = ScoringPipeline(
            decoder: EventDecoder(), scorer: Scorer(artifact: artifact), monitor: PredictionMonitor())
        let state = PartitionState(
            topic: "t", number: 0, startOffset: 0, restoreEndOffset: 0, timeToLiveDays: 400, labelJoin: nil)
        state.skipLostMessages(upTo: 7)
        let records = RecordArrays()
        for start in stride(from: 0, to: messages.count, by: batch) {
            try Self.process(
                messages[start..<min(start + batch, messages.count)], from: Int64(7 + start), state, pipeline, records)
        }
        #expect(state.isIncomplete == false, "the longest window and the time to live are over")
        return records.predictions.map { $0.payload.contains("\"state_incomplete\":true") }
    }

    private static func process(
        _ messages: ArraySlice<[UInt8]>, from offset: Int64, _ state: PartitionState, _ pipeline: ScoringPipeline,
        _ records: RecordArrays
    ) throws {
        let lent = messages.map { UnsafeMutableRawBufferPointer.copy(of: $0) }
        defer { for bytes in lent { bytes.deallocate() } }
        var batch = SourceBatch()
        for (index, bytes) in lent.enumerated() {
            batch.append(
                SourceMessage(
                    position: index, offset: offset + Int64(index), value: UnsafeRawBufferPointer(bytes)))
        }
        batch.endRun(of: state)
        _ = try pipeline.process(batch, into: records)
    }

    @Test(arguments: [1, 2, 5, 100]) func aMarkEndsWhenNothingCanBeMissing(batch: Int) throws {
        // loyal comes back all the time; early and late first come within and beyond the time to live after the cut.
        let messages: [(customer: String, day: Int, isMarked: Bool)] = [
            ("loyal", 0, true), ("early", 100, true), ("loyal", 390, true), ("early", 399, true),
            // Beyond 400 days who first comes had been forgotten, whatever they had done before the cut.
            ("late", 401, false), ("loyal", 500, true), ("late", 700, false), ("early", 760, true),
            ("loyal", 764, true),
            // 400 and 365 days are over.
            ("loyal", 765, false), ("late", 766, false),
        ]
        // The partition's own clock follows many events.
        let crowd = (0..<200).map { (customer: "c\($0)", day: 770 + $0 / 20, isMarked: false) }
        let found = try marked((messages + crowd).map { Self.message($0.customer, day: $0.day) }, batch: batch)
        #expect(found == (messages + crowd).map(\.isMarked))
    }
}

extension UnsafeMutableRawBufferPointer {
    fileprivate static func copy(of bytes: [UInt8]) -> UnsafeMutableRawBufferPointer {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        copy.copyBytes(from: bytes)
        return copy
    }
}

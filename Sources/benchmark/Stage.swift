import Customers
import Ensemble
import Events
import Features
import Monitoring
import Scoring

/// The stages of scoring, each timed by itself over a batch: seconds.
enum Stage {
    /// Texts with escapes are valid until the next message only; those few events are left out later.
    static func decode(
        _ batch: [UnsafeRawBufferPointer], _ decoder: EventDecoder, into events: inout [CustomerEvent]
    ) throws -> Double {
        events.removeAll(keepingCapacity: true)
        let time = try seconds {
            for message in batch { events.append(try decoder.event(in: message)) }
        }
        events.removeAll(where: \.isAnonymous)
        return time
    }

    static func state(_ events: [CustomerEvent], _ table: inout CustomerTable) -> Double {
        seconds {
            for turn in events.indices {
                table.lookAhead(from: turn, count: events.count) { events[$0] }
                table.update(events[turn])
            }
        }
    }

    static func stateAndFeatures(
        _ events: [CustomerEvent], _ table: inout CustomerTable, _ extractor: FeatureExtractor,
        into matrix: inout FeatureMatrix
    ) -> Double {
        matrix.removeAll()
        return seconds {
            for turn in events.indices {
                table.lookAhead(from: turn, count: events.count) { events[$0] }
                let customer = table.update(events[turn])
                table.withState(at: customer) { extractor.append($0, to: &matrix) }
            }
        }
    }

    /// - Parameter sum: keeps the compiler from leaving out what nobody reads.
    static func encode(
        _ events: [CustomerEvent], _ scores: [Scores], _ encoder: PredictionEncoder,
        to payload: UnsafeMutablePointer<UInt8>, _ sum: inout UInt64
    ) -> Double {
        seconds {
            for (row, event) in events.enumerated() {
                let end = encoder.write(
                    customerID: event.customerID, invoiceNo: event.invoiceNo, time: event.time, scores: scores[row],
                    isStateComplete: true, to: payload)
                sum &+= UInt64(end - payload)
            }
        }
    }

    /// - Parameters:
    ///   - joined: memory for the batch.
    ///   - sum: keeps the compiler from leaving out what nobody reads.
    static func labelJoin(
        _ events: [CustomerEvent], _ scores: [Scores], _ labelJoin: inout LabelJoin, _ joined: inout LabelJoin.Batch,
        _ sum: inout UInt64
    ) -> Double {
        let nextOffset = labelJoin.nextOffset
        return seconds {
            labelJoin.begin(&joined)
            for (row, event) in events.enumerated() {
                joined.append(
                    LabelJoin.Event(
                        customerHash: event.customerHash, invoiceHash: event.invoiceHash, time: event.time,
                        clock: event.time, isPurchase: event.isPurchase, scores: scores[row],
                        offset: nextOffset + Int64(row)))
            }
            labelJoin.join(joined) { isBought, _, _ in sum &+= isBought ? 1 : 2 }
        }
    }
}

import Synchronization

/// Input messages of which a broker has refused a record for good: when they are processed again, that record is dealt with
/// otherwise. Outlives the clients of a thread.
///
/// A broker refuses a whole batch for one of its records. So what was refused once is sent alone the next time, and only what is
/// refused then is to blame.
final class RefusedSources: Sendable {
    /// A message, or one of its lines where each has a prediction.
    struct Place: Hashable, Sendable {
        let partition: Int32
        let offset: Int64
        let line: Int?
        /// Where the record is of a customer as of an instant of the schedule.
        var scheduled: PredictionSource.Scheduled?
    }

    /// Which of a message's records it is.
    enum Record: Hashable, Sendable {
        case prediction
        case outcome
        /// Challengers' predictions, all of a message's together.
        case challenger
        case deadLetter
    }

    private struct Key: Hashable {
        let record: Record
        let place: Place
    }

    private struct Refusal {
        var times = 0
        var reason = ""
    }

    /// More of them at a time are forgotten, and refused once more.
    private static let limit = 10_000
    private let refusals = Mutex<[Key: Refusal]>([:])
    /// Whether there is any: the stream asks this for each message.
    private let hasSome = Atomic<Bool>(false)

    @inline(__always)
    var isEmpty: Bool { !hasSome.load(ordering: .relaxed) }

    /// Notes that a record was refused.
    /// - Returns: how often it has been.
    func note(_ record: Record, of place: Place, reason: String) -> Int {
        hasSome.store(true, ordering: .relaxed)
        return refusals.withLock { refusals in
            if refusals.count >= Self.limit { refusals.removeAll() }
            refusals[Key(record: record, place: place), default: Refusal()].times += 1
            refusals[Key(record: record, place: place)]?.reason = reason
            return refusals[Key(record: record, place: place)]?.times ?? 1
        }
    }

    /// How often a record has been refused.
    func times(_ record: Record, of place: Place) -> Int {
        isEmpty ? 0 : refusals.withLock { $0[Key(record: record, place: place)]?.times ?? 0 }
    }

    /// Why a record was refused.
    func reason(_ record: Record, of place: Place) -> String {
        refusals.withLock { $0[Key(record: record, place: place)]?.reason ?? "" }
    }
}

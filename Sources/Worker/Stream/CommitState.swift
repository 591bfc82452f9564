import Kafka

/// Decides what becomes of what has been processed and not committed. It performs nothing itself: each event returns what
/// is to be done, and nobody else reads its phase.
///
/// | phase | event | next | what is to be done |
/// |---|---|---|---|
/// | open | an asynchronous commit is sent | committing | |
/// | committing | it is answered, or a synchronous commit covers it | open | |
/// | open, committing, draining | a commit fails and may pass | open, draining | commit later |
/// | open, committing, draining | a commit fails, or a record of the transaction | the same | abort |
/// | open, committing | the transaction is aborted | aborted | rewind |
/// | draining | the transaction is aborted | finished | |
/// | aborted | partitions are back at their last commit | open | |
/// | open, committing | the thread leaves its group | draining | |
/// | every phase | an error that waiting cannot mend | finished | stop |
struct CommitState<Commit> {
    private enum Phase {
        /// A commit comes at the interval.
        case open
        /// An asynchronous commit is under way, and the stream goes on.
        case committing(Commit)
        /// The transaction has been aborted: partitions must rewind before anything is processed or committed.
        case aborted
        /// The thread is leaving its group: the last commit is repeated until the deadline.
        case draining(until: ContinuousClock.Instant)
        /// Nothing may be committed any more.
        case finished
    }

    /// What is to be done about a commit that failed.
    enum FailureAction: Equatable {
        /// Nothing has been decided: commit again at the next interval.
        case commitLater
        /// Abort the transaction.
        case abort
        /// Stop the thread with the error.
        case stop
    }

    private var phase = Phase.open

    /// Whether something may be committed now.
    var mayCommit: Bool {
        switch phase {
        case .open, .committing, .draining: true
        case .aborted, .finished: false
        }
    }

    /// Whether partitions must rewind before anything else.
    var mustRewind: Bool { if case .aborted = phase { true } else { false } }

    /// The asynchronous commit under way.
    var asyncCommit: Commit? { if case .committing(let commit) = phase { commit } else { nil } }

    /// Until when a commit may take, if the thread is leaving.
    var deadline: ContinuousClock.Instant? { if case .draining(let deadline) = phase { deadline } else { nil } }

    /// An asynchronous commit has been sent.
    mutating func sent(_ commit: Commit) {
        guard case .open = phase else { preconditionFailure("a second commit under way") }
        phase = .committing(commit)
    }

    /// The asynchronous commit has been answered, or a later, synchronous one covers it.
    mutating func clearAsyncCommit() { if case .committing = phase { phase = .open } }

    /// A commit has failed.
    /// - Parameters:
    ///   - hasUndelivered: whether a record of it could not be delivered. Without a transaction to take back, it must not be
    ///     passed over by a later commit.
    ///   - canAbort: whether there is a transaction to take back.
    mutating func failed(
        _ error: KafkaError, hasUndelivered: Bool, canAbort: Bool, now: ContinuousClock.Instant = .now
    ) -> FailureAction {
        clearAsyncCommit()
        let isInTime = deadline.map { now < $0 } ?? true
        let action: FailureAction =
            switch error.remedy {
            case .retry where isInTime && !hasUndelivered: .commitLater
            case .abortTransaction where isInTime, .rejoin where isInTime && !error.isFatal:
                canAbort ? .abort : hasUndelivered ? .stop : .commitLater
            default: .stop
            }
        if action == .stop { phase = .finished }
        return action
    }

    /// The transaction has been aborted.
    /// - Returns: whether partitions have to rewind: not when the thread is leaving, for whoever is next begins there anyway.
    mutating func aborted() -> Bool {
        switch phase {
        case .open, .committing, .aborted:
            phase = .aborted
            return true
        case .draining, .finished:
            phase = .finished
            return false
        }
    }

    /// Every partition is back at its last commit.
    mutating func rewound() { if case .aborted = phase { phase = .open } }

    /// The thread leaves its group: only the last commit is still to come.
    mutating func drain(until deadline: ContinuousClock.Instant) {
        switch phase {
        case .open, .committing: phase = .draining(until: deadline)
        case .aborted, .finished: phase = .finished
        case .draining: break
        }
    }

    /// Something could not be published or committed.
    mutating func finish() { phase = .finished }
}

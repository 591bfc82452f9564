import Kafka
import Testing

@testable import Worker

/// The commit's state machine, without Kafka.
@Suite struct CommitStateTests {
    typealias State = CommitState<Int>

    /// Errors by their remedies.
    static let retry = KafkaError(.init(rawValue: -185), operation: "test")
    static let fatal = KafkaError(.init(rawValue: -150), operation: "test", isFatal: true)
    static let abort = retry.requiringAbort
    static let rejoin = KafkaError(.init(rawValue: 22), operation: "test")

    @Test func theErrorsAreWhatTheTestsTakeThemFor() {
        #expect(Self.retry.remedy == .retry && Self.fatal.remedy == .fatal)
        #expect(Self.abort.remedy == .abortTransaction && Self.rejoin.remedy == .rejoin)
    }

    @Test func anAsyncCommitIsUnderWayUntilItIsAnswered() {
        var state = State()
        #expect(state.asyncCommit == nil)
        state.sent(7)
        #expect(state.asyncCommit == 7 && state.mayCommit && !state.mustRewind)
        state.clearAsyncCommit()
        #expect(state.asyncCommit == nil)
    }

    @Test func whatMayPassIsCommittedLater() {
        var state = State()
        let action = state.failed(Self.retry, hasUndelivered: false, canAbort: true)
        #expect(action == .commitLater)
        #expect(state.mayCommit)
    }

    @Test func whatWasNotDeliveredIsNeverPassedOver() {
        for error in [Self.retry, Self.rejoin] {
            var state = State()
            let action = state.failed(error, hasUndelivered: true, canAbort: false)
            #expect(action == .stop)
            #expect(!state.mayCommit)
        }
    }

    @Test func anAbortIsFollowedByARewind() {
        var state = State()
        let action = state.failed(Self.abort, hasUndelivered: true, canAbort: true)
        #expect(action == .abort)
        let mustRewind = state.aborted()
        #expect(mustRewind && state.mustRewind && !state.mayCommit)
        state.rewound()
        #expect(!state.mustRewind && state.mayCommit)
    }

    @Test func withoutATransactionTheRebalanceDecides() {
        var state = State()
        let action = state.failed(Self.rejoin, hasUndelivered: false, canAbort: false)
        #expect(action == .commitLater)
        #expect(state.mayCommit)
    }

    @Test func aMemberThatLeavesDoesNotRewind() {
        var state = State()
        let deadline = ContinuousClock.now + .seconds(60)
        state.drain(until: deadline)
        #expect(state.deadline == deadline && state.mayCommit)
        let action = state.failed(Self.abort, hasUndelivered: false, canAbort: true)
        #expect(action == .abort)
        let mustRewind = state.aborted()
        #expect(!mustRewind && !state.mayCommit && !state.mustRewind)
    }

    @Test func behindTheDeadlineNothingIsTriedAgain() {
        for error in [Self.retry, Self.abort, Self.rejoin] {
            var state = State()
            let deadline = ContinuousClock.now
            state.drain(until: deadline)
            let action = state.failed(error, hasUndelivered: false, canAbort: true, now: deadline + .seconds(1))
            #expect(action == .stop && !state.mayCommit)
        }
    }

    @Test func afterAFatalErrorNothingIsCommitted() {
        var state = State()
        let action = state.failed(Self.fatal, hasUndelivered: false, canAbort: true)
        #expect(action == .stop)
        #expect(!state.mayCommit)
        state.rewound()
        state.clearAsyncCommit()
        state.drain(until: .now + .seconds(1))
        #expect(!state.mayCommit && !state.mustRewind)
    }
}

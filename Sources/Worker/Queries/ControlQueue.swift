import Kafka
import Monitoring
import Synchronization

/// A command to a stream thread, with where its reply goes: `nil` when there is no thread to carry it out.
///
/// The thread carries commands out between two batches, when states, label joins and offsets fit each other.
enum ThreadCommand: Sendable {
    typealias Reply<Answer> = @Sendable (Answer?) -> Void

    /// A copy of a customer's state; `.some(nil)` when the thread knows no such customer.
    case customer(id: String, reply: Reply<CustomerReport?>)
    /// The thread's customers with the highest probabilities.
    case ranking(top: Int, reply: Reply<Ranking>)
    /// What grades and drift are computed from.
    case observations(reply: Reply<ThreadObservations>)
    /// What a partition is to the thread.
    case ownership(partition: Int32, reply: Reply<Ownership>)
    /// Copies of some customers' states, all of one partition; none where the thread has no restored one.
    case sample(choice: UInt64, count: Int, reply: Reply<[CustomerReport]>)
    /// Rows of its latest predictions.
    case recentRows(reply: Reply<RecentRows.Snapshot>)
    /// Another model is to be served, from the next commit on.
    case serve(ModelChange)

    /// What a partition is to a thread.
    enum Ownership: Sendable {
        /// It is not assigned to the thread.
        case none
        /// It is assigned, and its state is being restored.
        case restoring
        /// It is assigned, and its state is complete.
        case restored
    }

    /// Replies that nobody carries the command out.
    func refuse() {
        switch self {
        case .customer(_, let reply): reply(nil)
        case .ranking(_, let reply): reply(nil)
        case .observations(let reply): reply(nil)
        case .ownership(_, let reply): reply(nil)
        case .sample(_, _, let reply): reply(nil)
        case .recentRows(let reply): reply(nil)
        case .serve(let change): change.answer()
        }
    }
}

/// Commands from other threads to a stream thread: the one way to reach into it.
///
/// The thread looks at one atomic number a batch; a lock is taken only when there is a command.
final class ControlQueue: Sendable {
    private struct State {
        var commands: [ThreadCommand] = []
        var waker: Waker?
    }

    /// How many commands there are; written under the lock.
    private let waiting = Atomic<Int>(0)
    private let state = Mutex(State())

    /// Has the thread carry a command out, or refuses it when there is no thread.
    func submit(_ command: ThreadCommand) {
        let waker: Waker? = state.withLock { state in
            guard let waker = state.waker else { return nil }
            state.commands.append(command)
            waiting.store(state.commands.count, ordering: .releasing)
            return waker
        }
        if let waker { waker.wake() } else { command.refuse() }
    }

    /// A thread carries commands out from now on.
    /// - Parameter waker: ends the thread's wait for messages.
    func open(_ waker: Waker) { state.withLock { $0.waker = waker } }

    /// No thread does any more: what waits is refused.
    func close() {
        let left = state.withLock { state in
            defer { state = State() }
            waiting.store(0, ordering: .relaxed)
            return state.commands
        }
        for command in left { command.refuse() }
    }

    /// Takes all commands out, oldest first.
    func take() -> [ThreadCommand] {
        if waiting.load(ordering: .acquiring) == 0 { return [] }
        return state.withLock { state in
            defer { state.commands = [] }
            waiting.store(0, ordering: .relaxed)
            return state.commands
        }
    }
}

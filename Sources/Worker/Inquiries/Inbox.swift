import Kafka
import Synchronization

/// What others ask of a stream's thread, which answers between two batches.
///
/// The thread looks at one atomic number a batch; a lock is taken only when somebody has asked.
final class Inbox: Sendable {
    typealias Inquiry = @Sendable (StreamThread?) -> Void

    private struct State {
        var inquiries: [Inquiry] = []
        var waker: Waker?
    }

    /// How many inquiries there are; written under the lock.
    private let waiting = Atomic<Int>(0)
    private let state = Mutex(State())

    /// Has the thread run this, or gives it nobody when there is no thread.
    func ask(_ inquiry: @escaping Inquiry) {
        let waker: Waker?? = state.withLock { state in
            guard let waker = state.waker else { return nil }
            state.inquiries.append(inquiry)
            waiting.store(state.inquiries.count, ordering: .releasing)
            return .some(waker)
        }
        guard let waker else { return inquiry(nil) }
        waker?.wake()
    }

    /// A thread takes questions from now on.
    func open(_ waker: Waker) { state.withLock { $0.waker = waker } }

    /// No thread does any more.
    func close() {
        let left = state.withLock { state in
            defer { state = State() }
            waiting.store(0, ordering: .relaxed)
            return state.inquiries
        }
        for inquiry in left { inquiry(nil) }
    }

    var isEmpty: Bool { waiting.load(ordering: .acquiring) == 0 }

    /// Answers what has been asked.
    func answer(by thread: StreamThread) {
        let inquiries = state.withLock { state in
            defer { state.inquiries = [] }
            waiting.store(0, ordering: .relaxed)
            return state.inquiries
        }
        for inquiry in inquiries { inquiry(thread) }
    }
}

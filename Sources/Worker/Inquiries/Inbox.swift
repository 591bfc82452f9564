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

    private let waiting = Atomic<Int>(0)
    private let state = Mutex(State())

    /// Has the thread run this, or gives it nobody when there is no thread.
    func ask(_ inquiry: @escaping Inquiry) {
        let waker: Waker?? = state.withLock { state in
            guard let waker = state.waker else { return nil }
            state.inquiries.append(inquiry)
            return .some(waker)
        }
        guard let waker else { return inquiry(nil) }
        waiting.add(1, ordering: .releasing)
        waker?.wake()
    }

    /// A thread takes questions from now on.
    func open(_ waker: Waker) { state.withLock { $0.waker = waker } }

    /// No thread does any more.
    func close() {
        let left = state.withLock { state in
            defer { state = State() }
            return state.inquiries
        }
        waiting.store(0, ordering: .relaxed)
        for inquiry in left { inquiry(nil) }
    }

    var isEmpty: Bool { waiting.load(ordering: .acquiring) == 0 }

    /// Answers what has been asked.
    func answer(by thread: StreamThread) {
        let inquiries = state.withLock { state in
            defer { state.inquiries = [] }
            return state.inquiries
        }
        waiting.subtract(inquiries.count, ordering: .relaxed)
        for inquiry in inquiries { inquiry(thread) }
    }
}

import Foundation
import Testing

/// For tests that mostly wait: for a broker, a process, a browser. They run beside one another and beside the tests that
/// compute, on threads of their own.
///
/// A test that blocks a thread of Swift's cooperative pool keeps everybody else from it, and there are only as many as there
/// are cores.
public struct WaitingTrait: SuiteTrait, TestTrait, TestScoping {
    /// Whether only some of them run at a time. Waiting for a place counts against a test's time limit.
    let isBounded: Bool

    public var isRecursive: Bool { true }

    public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        if isBounded { await Self.places.take() }
        do {
            try await withTaskExecutorPreference(BlockingThreads.shared) { try await function() }
        } catch {
            if isBounded { await Self.places.giveBack() }
            throw error
        }
        if isBounded { await Self.places.giveBack() }
    }

    /// More of them at a time would have brokers and workers miss their deadlines on two cores.
    private static let places = Places(count: 8)
}

extension Trait where Self == WaitingTrait {
    /// Runs a suite's tests on threads that may be blocked, some at a time.
    public static var waiting: Self { Self(isBounded: true) }

    /// Runs a suite's tests on threads that may be blocked, all at a time: for those that load nobody.
    public static var ownThreads: Self { Self(isBounded: false) }
}

/// An executor whose jobs may block: each runs on a thread of its own.
public final class BlockingThreads: TaskExecutor {
    public static let shared = BlockingThreads()

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        Thread.detachNewThread { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// A bounded number of places, given out in the order of asking.
private actor Places {
    private var free: Int
    private var queue: [CheckedContinuation<Void, Never>] = []

    init(count: Int) { free = count }

    func take() async {
        guard free == 0 else {
            free -= 1
            return
        }
        await withCheckedContinuation { queue.append($0) }
    }

    func giveBack() {
        if queue.isEmpty { free += 1 } else { queue.removeFirst().resume() }
    }
}

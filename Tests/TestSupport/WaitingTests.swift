import Foundation
import Testing

/// For tests that mostly wait: for a broker, a process, a browser. They run beside one another and beside the tests that
/// compute, on threads of their own.
///
/// A test that blocks a thread of Swift's cooperative pool keeps everybody else from it, and there are only as many as there
/// are cores.
public struct WaitingTrait: SuiteTrait, TestTrait, TestScoping {
    enum Neighbours {
        /// All at a time.
        case all
        /// Only some at a time. Waiting for a place counts against a test's time limit.
        case some
        /// After all others that wait.
        case none
    }

    let neighbours: Neighbours

    public var isRecursive: Bool { true }

    public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        await Self.places.take(neighbours)
        do {
            try await withTaskExecutorPreference(BlockingThreads.shared) { try await function() }
        } catch {
            await Self.places.giveBack(neighbours)
            throw error
        }
        await Self.places.giveBack(neighbours)
    }

    /// More of them at a time would have brokers and workers miss their deadlines on two cores.
    private static let places = Places(count: 6)
}

extension Trait where Self == WaitingTrait {
    /// Runs a suite's tests on threads that may be blocked, some at a time.
    public static var waiting: Self { Self(neighbours: .some) }

    /// Runs a suite's tests on threads that may be blocked, all at a time: for those that load nobody.
    public static var ownThreads: Self { Self(neighbours: .all) }

    /// Runs a suite's tests on threads that may be blocked, one by one when all others that wait are done: for those whose
    /// broker must not be kept from its processor.
    public static var alone: Self { Self(neighbours: .none) }
}

/// An executor whose jobs may block: each runs on a thread of its own.
public final class BlockingThreads: TaskExecutor {
    public static let shared = BlockingThreads()

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        Thread.detachNewThread { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// A bounded number of places, given out in the order of asking; to those who want to be alone, when all are free and nobody
/// else asks.
private actor Places {
    private let count: Int
    private var free: Int
    private var queue: [CheckedContinuation<Void, Never>] = []
    private var alone: [CheckedContinuation<Void, Never>] = []

    init(count: Int) {
        self.count = count
        free = count
    }

    func take(_ neighbours: WaitingTrait.Neighbours) async {
        switch neighbours {
        case .all: break
        case .some where free > 0: free -= 1
        case .some: await withCheckedContinuation { queue.append($0) }
        case .none:
            // The others have not all asked yet when the first tests start.
            try? await Task.sleep(for: .seconds(5))
            if free == count { free = 0 } else { await withCheckedContinuation { alone.append($0) } }
        }
    }

    func giveBack(_ neighbours: WaitingTrait.Neighbours) {
        switch neighbours {
        case .all: return
        case .some: free += 1
        case .none: free = count
        }
        while free > 0, !queue.isEmpty {
            free -= 1
            queue.removeFirst().resume()
        }
        if free == count, !alone.isEmpty {
            free = 0
            alone.removeFirst().resume()
        }
    }
}

import Synchronization

/// Keeps idle workspaces for later requests, up to a limit.
///
/// Unchecked: a workspace is either in the pool or used by the one request that has taken it.
final class WorkspacePool: @unchecked Sendable {
    private static let limit = 16

    private let context: ScoringContext
    private let idle = Mutex<[Idle]>([])

    private struct Idle: @unchecked Sendable {
        let workspace: ScoringWorkspace
    }

    init(_ context: ScoringContext) { self.context = context }

    func with<Result, Failure: Error>(_ body: (ScoringWorkspace) throws(Failure) -> Result) throws(Failure) -> Result {
        let taken = idle.withLock { $0.popLast() } ?? Idle(workspace: ScoringWorkspace(context))
        defer { idle.withLock { if $0.count < Self.limit { $0.append(taken) } } }
        return try body(taken.workspace)
    }
}

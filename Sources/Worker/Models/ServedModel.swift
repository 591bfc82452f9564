import Ensemble
import Foundation
import Monitoring
import Pipeline
import Scoring
import Synchronization

/// A model in service, and those that score beside it: one immutable value, made and proven away from the stream's threads.
package struct ServedModel: Sendable {
    /// Its artifact.
    package let artifact: ModelArtifact
    /// What it has learned from; `nil` where the artifact does not say.
    let reference: ReferenceDistributions?
    /// Since when this worker serves it.
    package let since: Date
    /// The models that score beside it: a canary first, if there is one, then challengers.
    package let companions: [CompanionModel]

    /// - Throws: `ArtifactError` when the artifact's reference distributions cannot be understood.
    init(_ artifact: ModelArtifact, beside companions: [CompanionModel] = []) throws {
        self.artifact = artifact
        self.companions = companions
        reference = try ReferenceDistributions(artifact)
        since = Date()
    }

    private init(_ other: ServedModel, beside companions: [CompanionModel]) {
        (artifact, reference, since) = (other.artifact, other.reference, other.since)
        self.companions = companions
    }

    /// The same in service, and others beside it.
    func beside(_ companions: [CompanionModel]) -> ServedModel { ServedModel(self, beside: companions) }

    /// Which models they are.
    var mix: ModelMix { ModelMix(artifact, beside: companions) }

    func isSame(as other: ServedModel) -> Bool {
        artifact.digest == other.artifact.digest && hasSameCompanions(as: other)
    }

    func hasSameCompanions(as other: ServedModel) -> Bool {
        companions.map(\.artifact.digest) == other.companions.map(\.artifact.digest)
            && companions.map(\.servedShare) == other.companions.map(\.servedShare)
    }
}

/// The model that a worker serves, and the one that it is to serve. They differ while its threads change.
final class ModelSlot: Sendable {
    private struct State {
        var current: ServedModel
        var target: ServedModel
    }

    private let state: Mutex<State>
    private let changes = Atomic<Int>(0)
    private let orders = Atomic<Int>(0)

    init(_ model: ServedModel) { state = Mutex(State(current: model, target: model)) }

    /// What all threads serve.
    var current: ServedModel { state.withLock { $0.current } }
    /// What threads begin with.
    var target: ServedModel { state.withLock { $0.target } }
    /// How often `current` has changed.
    var generation: Int { changes.load(ordering: .acquiring) }
    /// How often `target` has changed.
    var targetGeneration: Int { orders.load(ordering: .acquiring) }

    /// Threads are to serve this one.
    func order(_ next: ServedModel) {
        state.withLock { $0.target = next }
        orders.add(1, ordering: .releasing)
    }

    /// All threads serve what was ordered last.
    func settle() {
        state.withLock { $0.current = $0.target }
        changes.add(1, ordering: .releasing)
    }
}

import Ensemble
import Foundation
import Monitoring
import Synchronization

/// A model in service: one immutable value, made and proven away from the stream's threads.
package struct ServedModel: Sendable {
    /// Its artifact.
    package let artifact: ModelArtifact
    /// What it has learned from; `nil` where the artifact does not say.
    let reference: ReferenceDistributions?
    /// Since when this worker serves it.
    package let since: Date

    /// - Throws: `ArtifactError` when the artifact's reference distributions cannot be understood.
    init(_ artifact: ModelArtifact) throws {
        self.artifact = artifact
        reference = try ReferenceDistributions(artifact)
        since = Date()
    }
}

/// The model that a worker serves, and which change of it this is.
final class ModelSlot: Sendable {
    private let model: Mutex<ServedModel>
    private let changes = Atomic<Int>(0)

    init(_ model: ServedModel) { self.model = Mutex(model) }

    var current: ServedModel { model.withLock { $0 } }
    /// How often it has changed.
    var generation: Int { changes.load(ordering: .acquiring) }

    func serve(_ next: ServedModel) {
        model.withLock { $0 = next }
        changes.add(1, ordering: .releasing)
    }
}

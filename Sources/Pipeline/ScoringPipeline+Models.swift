import Monitoring
import Scoring

/// Which model scores what: one is in service, and others have been.
extension ScoringPipeline {
    /// The model that scores a message: that which published its prediction, and the present one for live messages.
    /// - Returns: the model, and the first offset behind the message that another one may score.
    package func model(at offset: Int64, of partition: PartitionState) -> (model: ScoringModel, until: Int64) {
        guard offset < partition.restoreEndOffset, partition.labelJoin != nil, !partition.models.changes.isEmpty else {
            return (model, .max)
        }
        let change = partition.models.nextChange(after: offset) ?? .max
        let until = min(change, partition.restoreEndOffset)
        guard let version = partition.models.version(at: offset), version != model.version else {
            // Mostly nothing has changed since.
            return (model, change < partition.restoreEndOffset ? until : .max)
        }
        if past[version] == nil {
            // Labels of another horizon cannot be joined with these.
            let horizon = artifact.schema.horizon
            let artifact = findArtifact(version).flatMap { $0.schema.horizon == horizon ? $0 : nil }
            past[version] = .some(artifact.map { ScoringModel(Scorer(artifact: $0)) })
        }
        return ((past[version] ?? nil) ?? model, until)
    }

    /// Has earlier versions' artifacts asked for again: one that was gone may be back.
    package func forgetPastModels() { past.removeAll() }

    /// Scores with another model from now on, between two batches.
    ///
    /// States are untouched: they depend on events alone. Drift is watched anew, beside what this model has learned from.
    /// - Parameters:
    ///   - reference: what it has learned from; `nil` where that is not known.
    ///   - driftRows: latest rows that are compared with it; 0 for none.
    /// - Precondition: it has the same horizon as the present one.
    package func serve(_ next: ScoringModel, reference: ReferenceDistributions?, driftRows: Int) {
        precondition(next.scorer.artifact.schema.horizon == artifact.schema.horizon)
        // Partitions that are being restored still need the present one. What was needed before it is found again if need be.
        past = [model.version: model]
        past[next.version] = nil
        model = next
        monitor.watchDrift(from: reference, rows: driftRows)
    }
}

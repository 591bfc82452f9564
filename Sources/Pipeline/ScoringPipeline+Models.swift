import Ensemble
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
        guard let mix = partition.models.mix(at: offset), mix != model.mixText else {
            // Mostly nothing has changed since.
            return (model, change < partition.restoreEndOffset ? until : .max)
        }
        if past[mix] == nil { past[mix] = .some(ModelMix(mix).flatMap(find)) }
        return ((past[mix] ?? nil) ?? model, until)
    }

    /// Makes models that have scored before; without those beside the one in service whose artifacts are gone.
    private func find(_ mix: ModelMix) -> ScoringModel? {
        // Labels of another horizon cannot be joined with these.
        let horizon = artifact.schema.horizon
        let known = [artifact] + companions.map(\.artifact)
        func find(_ version: String) -> ModelArtifact? {
            if let artifact = known.first(where: { $0.manifest.version == version }) { return artifact }
            return findArtifact(version).flatMap { $0.schema.horizon == horizon ? $0 : nil }
        }
        guard let champion = find(mix.champion) else { return nil }
        var companions: [CompanionModel] = []
        if let canary = mix.roles.canary, let artifact = find(canary.version) {
            companions.append(CompanionModel(artifact, servedShare: canary.perTenThousand))
        }
        companions += mix.roles.challengers.compactMap { find($0).map { CompanionModel($0) } }
        return ScoringModel(Scorer(artifact: champion, beside: companions))
    }

    /// Has earlier versions' artifacts asked for again: one that was gone may be back.
    package func forgetPastModels() { past.removeAll() }

    /// Scores with another model from now on, between two batches.
    ///
    /// States are untouched: they depend on events alone. Drift is watched anew where another model is in service,
    /// beside what it has learned from.
    /// - Parameters:
    ///   - reference: what it has learned from; `nil` where that is not known.
    ///   - driftRows: latest rows that are compared with it; 0 for none.
    /// - Precondition: it has the same horizon as the present one.
    package func serve(_ next: ScoringModel, reference: ReferenceDistributions?, driftRows: Int) {
        precondition(next.scorer.artifact.schema.horizon == artifact.schema.horizon)
        // Partitions that are being restored still need the present one. What was needed before it is found again if need be.
        past = [model.mixText: model]
        past[next.mixText] = nil
        let isAnother = next.scorer.artifact.digest != artifact.digest
        model = next
        if isAnother { monitor.watchDrift(from: reference, rows: driftRows) }
    }
}

import Ensemble
import Events
import Foundation

/// How a job treats the model in service.
extension RetrainJob {
    /// The artifact in service, or why there is none to compare with.
    static func champion(_ store: ArtifactStore) -> (ModelArtifact?, String?) {
        guard store.current != nil else { return (nil, "nothing is in service yet: the challenger is judged alone") }
        do { return (try ModelArtifact(path: store.directory), nil) } catch {
            return (nil, "the model in service cannot be used: \(error)")
        }
    }

    /// The profile of the history that an artifact was trained on; `nil` in artifacts without one.
    static func profile(of artifact: ModelArtifact) -> DataProfile? {
        artifact.otherFiles[profileName].flatMap { try? JSONDecoder().decode(DataProfile.self, from: Data($0)) }
    }

    /// Rules on what is in service, whatever the metrics.
    func deploymentVerdicts(
        _ champion: ModelArtifact?, _ incumbent: String?, _ times: EvaluationProtocol
    ) -> [QualityGate.Verdict] {
        guard let incumbent else { return [] }
        guard let champion else {
            return [
                QualityGate.Verdict(
                    holds: false, rule: "champion_readable",
                    text:
                        "\(incumbent) is in service and cannot be compared with; promote a version by hand, or restore it"
                )
            ]
        }
        if champion.schema.horizon != settings.horizon {
            return [
                QualityGate.Verdict(
                    holds: false, rule: "same_horizon",
                    text: "\(incumbent) is in service and looks \(champion.schema.horizon.days) days ahead, this one "
                        + "\(settings.horizon.days): give it a directory of its own, or promote it by hand")
            ]
        }
        // With refit, the training end dates of the refitted models are compared, since these are served.
        let until = EventTime.text(settings.refit ? times.end : times.split)
        return [
            QualityGate.Verdict(
                holds: until >= champion.manifest.trainedUntil, rule: "not_older",
                text: "learned until \(until), what is in service until \(champion.manifest.trainedUntil)")
        ]
    }

    /// A champion in the form in which it is compared.
    struct ComparableChampion {
        let artifact: ModelArtifact
        /// The holdout model where the served one was trained on TEST.
        let ensemble: Ensemble
        /// Why the comparison may be biased.
        let note: String?
    }

    /// The champion's ensemble that is least biased on this history's TEST.
    /// - Throws: `ArtifactError` when the holdout model cannot be read.
    func comparable(_ champion: ModelArtifact, _ times: EvaluationProtocol) throws(ArtifactError) -> ComparableChampion
    {
        let manifest = champion.manifest
        var (ensemble, trainedUntil) = (champion.ensemble, EventTime.parse(manifest.trainedUntil) ?? EventTime.latest)
        var note: String?
        if trainedUntil > times.split, manifest.holdoutModel != nil {
            let evaluated = try champion.evaluated()
            (ensemble, trainedUntil) = (
                evaluated.ensemble, EventTime.parse(evaluated.trainedUntil) ?? EventTime.latest
            )
            note =
                "the champion's figures are those of its evaluated twin, trained until \(evaluated.trainedUntil): what is "
                + "served has learned from points that are TEST here"
        }
        if trainedUntil > times.split {
            note =
                "the champion has learned from events up to \(EventTime.text(trainedUntil)), beyond the beginning of TEST at "
                + "\(EventTime.text(times.split)): these figures flatter it"
        }
        if manifest.origin != nil {
            note =
                "the champion was imported: what it learned from is not known, and if TEST was part of that its figures flatter it"
        }
        return ComparableChampion(artifact: champion, ensemble: ensemble, note: note)
    }

    /// Compares the challenger with the champion on TEST.
    func compare(_ challenger: TrainingRun.Fitted, _ champion: ComparableChampion, _ outcome: inout Outcome) {
        if let note = champion.note { outcome.championNote = note }
        let manifest = champion.artifact.manifest
        let predictions = TestPredictions(
            champion.ensemble, on: challenger.predictions.sets, encoding: champion.artifact.categoryEncoding)
        outcome.comparison = ChampionComparison(
            challenger.predictions, serving: settings.servingModel, champion: predictions,
            serving: manifest.servingModel, version: manifest.version, seed: UInt64(settings.seed))
    }
}

import Ensemble
import Events
import Features
import Foundation

/// The whole unattended job: checks the data, trains a challenger, compares it with the champion, promotes or refuses it.
package struct RetrainJob: Sendable {
    /// What is trained, and the rules for promotion.
    package let settings: TrainingSettings
    /// The directory of artifacts.
    package let models: String
    /// Whether `current` stays as it is whatever the result.
    package let isDryRun: Bool

    /// - Parameters:
    ///   - settings: what is trained, and the rules for promotion.
    ///   - models: the directory of artifacts; made where it is missing.
    ///   - isDryRun: train and report, but do not promote.
    package init(settings: TrainingSettings, models: String, isDryRun: Bool = false) {
        self.settings = settings
        self.models = models
        self.isDryRun = isDryRun
    }

    static let profileName = "profile.json"
    static let backtestName = "backtest.json"

    /// - Parameters:
    ///   - skipped: records of a topic that were no events.
    ///   - progress: called with what is being done, and the share of it that is done, 0...1, where it is known.
    /// - Throws: `DataError` for a history that cannot be read or is too short; `TrainingError`, `ArtifactError`.
    package func run(
        _ history: History, skipped: Int = 0, progress: (String, Double?) -> Void
    ) throws -> Outcome {
        var run = TrainingRun(settings: settings)
        let store = ArtifactStore(directory: models)
        try store.requireLink()
        let incumbent = store.current
        var rival = incumbent
        var (champion, problem) = Self.champion(store)

        let survey = try run.survey(history, progress: progress)
        func found(beside champion: ModelArtifact?) -> [Finding] {
            settings.checks.findings(
                survey.profile, largestCustomer: survey.largestCustomer, skipped: skipped,
                champion: champion.flatMap(Self.profile(of:)))
        }
        var findings = found(beside: champion)
        if store.servesExample, findings.contains(where: { $0.severity == .error }) {
            // A shop's first own model need not be like the example's shop.
            (champion, rival) = (nil, nil)
            problem = "what is in service is the example, of another shop: the challenger is judged alone"
            findings = found(beside: nil)
        }
        var outcome = Outcome(status: .badData, findings: findings, profile: survey.profile)
        outcome.championNote = problem
        if findings.contains(where: { $0.severity == .error }) { return outcome }

        run = run.fitted(to: survey)
        let prepared = try run.prepare(history, survey: survey, progress: progress)
        let fitted = try run.fit(prepared, progress: progress)
        outcome.predictions = fitted.predictions
        outcome.importance = try FeatureImportance(
            fitted.result, of: settings.schema, serving: settings.servingModel, dataset: prepared.dataset,
            fitted.predictions.sets.indices[.e2]![0])
        outcome.evaluation = fitted.evaluation
        outcome.findings += Limitations(prepared, fitted, settings: run.settings).findings
        if let champion, champion.schema.horizon == settings.horizon {
            compare(fitted, try comparable(champion, prepared.times), &outcome)
        }
        outcome.verdicts = settings.gate.verdicts(fitted.evaluation, outcome.comparison)
        outcome.verdicts += deploymentVerdicts(champion, rival, prepared.times)
        outcome.backtest = try backtest(prepared) { progress("backtest", $0) }

        let passes = outcome.verdicts.allSatisfy(\.holds)
        let refitted = passes && settings.refit ? try run.refit(prepared, progress: progress) : nil
        outcome.isRefitted = refitted != nil
        let files = try files(fitted, prepared, refitted, outcome)
        try store.exclusively {
            let version = try run.write(fitted, prepared, refitted: refitted, others: files, models: models)
            outcome.version = version
            try decide(version, incumbent, store, &outcome)
            // The decision stands even if old artifacts cannot be removed.
            do { outcome.pruned = try store.prune(keeping: settings.keep) } catch { outcome.pruneProblem = "\(error)" }
        }
        return outcome
    }

    private func backtest(_ prepared: TrainingRun.Prepared, progress: (Double) -> Void) throws -> Backtest? {
        guard settings.backtest.origins > 0 else { return nil }
        let splits = Backtest.splits(
            prepared.times, origins: settings.backtest.origins, everyDays: settings.backtest.everyDays)
        return try Backtest(prepared.dataset, splits, settings: settings, progress: progress)
    }

    /// The artifact's files beside the models, by name.
    private func files(
        _ fitted: TrainingRun.Fitted, _ prepared: TrainingRun.Prepared, _ refitted: Trainer.Result?, _ outcome: Outcome
    ) throws -> [String: [UInt8]] {
        let card = ModelCard(fitted, prepared, outcome.importance, refitted: refitted, settings: settings)
        var files = [
            Self.profileName: try encoded(prepared.survey.profile),
            ModelArtifact.cardName: Array(card.markdown().utf8),
        ]
        if let backtest = outcome.backtest { files[Self.backtestName] = try encoded(backtest) }
        return files
    }

    /// Promotes the version, or notes why not. Called with the store locked.
    private func decide(
        _ version: String, _ incumbent: String?, _ store: ArtifactStore, _ outcome: inout Outcome
    ) throws {
        if store.rolledBack.contains(version) {
            outcome.verdicts.append(
                QualityGate.Verdict(
                    holds: false, rule: "not_rolled_back",
                    text: "\(version) was in service and somebody went back from it; promote it by hand to undo that"))
        }
        if store.current != incumbent {
            outcome.verdicts.append(
                QualityGate.Verdict(
                    holds: false, rule: "same_champion",
                    text:
                        "\(store.current ?? "nothing") is in service now, \(incumbent ?? "nothing") was when the job began"
                ))
        }
        if !outcome.verdicts.allSatisfy(\.holds) {
            outcome.status = .refused
        } else if store.current == version {
            outcome.status = .alreadyInService
        } else if isDryRun {
            outcome.status = .wouldBePromoted
        } else {
            try store.promote(version, reason: "trained and passed the gate")
            outcome.status = .promoted
        }
    }
}

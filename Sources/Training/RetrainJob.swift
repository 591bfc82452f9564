import Ensemble
import Events
import Features
import Foundation

/// The whole job that runs unattended: check the data, train, judge beside the champion, promote or refuse.
package struct RetrainJob: Sendable {
    /// How it came out.
    package enum Status: Equatable, Sendable {
        /// `current` points to the new version.
        case promoted
        /// The same history and settings: what was trained is in service already.
        case alreadyInService
        /// All rules hold, but it was a dry run.
        case wouldBePromoted
        /// Some rule does not hold; the artifact is there, and `current` is what it was.
        case refused
        /// Some data check failed; nothing was trained.
        case badData
    }

    package struct Outcome: Sendable {
        package var status: Status
        package var findings: [Finding]
        package var profile: DataProfile
        package var verdicts: [Gate.Verdict] = []
        package var version: String?
        package var evaluation: Evaluation?
        package var comparison: Comparison?
        /// What is to be known of the comparison, or why there is none.
        package var championNote: String?
        package var backtest: Backtest?
        package var pruned: [String] = []
        /// Why old artifacts could not be removed.
        package var pruneProblem: String?
        package var importance: Importance?
        /// What is served was fitted on all that is known; the figures are of its twin that had not seen TEST.
        package var isRefitted = false
        var predictions: TestPredictions?
    }

    package let settings: TrainingSettings
    /// The directory of artifacts.
    package let models: String
    package let isDryRun: Bool

    package init(settings: TrainingSettings, models: String, isDryRun: Bool = false) {
        self.settings = settings
        self.models = models
        self.isDryRun = isDryRun
    }

    static let profileName = "profile.json"
    static let backtestName = "backtest.json"

    /// - Parameters:
    ///   - skipped: records of a topic that were no events.
    ///   - progress: told what is being done, and what share of that is behind.
    /// - Throws: `DataError` for a history that cannot be read or is too short; `TrainingError`, `ArtifactError`.
    package func run(
        _ history: History, skipped: Int = 0, progress: (String, Double?) -> Void
    ) throws -> Outcome {
        let run = TrainingRun(settings: settings)
        let store = ArtifactStore(directory: models)
        try store.requireLink()
        let incumbent = store.current
        let (champion, problem) = Self.champion(store)

        let survey = try run.survey(history, progress: progress)
        let findings = settings.checks.findings(
            survey.profile, skipped: skipped, champion: champion.flatMap(Self.profile(of:)))
        var outcome = Outcome(status: .badData, findings: findings, profile: survey.profile)
        outcome.championNote = problem
        if findings.contains(where: { $0.severity == .error }) { return outcome }

        let prepared = try run.prepare(history, survey: survey, progress: progress)
        let fitted = try run.fit(prepared, progress: progress)
        outcome.predictions = fitted.predictions
        outcome.importance = try Importance(
            fitted.result, serving: settings.servingModel, points: prepared.points,
            fitted.predictions.sets.indices[.e2]![0])
        outcome.evaluation = fitted.evaluation
        if let champion { try compare(fitted, champion, prepared, &outcome) }
        outcome.verdicts = settings.gate.verdicts(fitted.evaluation, outcome.comparison)
        outcome.verdicts += service(champion, incumbent, prepared.times)

        var files = [Self.profileName: try encoded(survey.profile)]
        if settings.backtest.origins > 0 {
            let splits = Backtest.splits(
                prepared.times, origins: settings.backtest.origins, everyDays: settings.backtest.everyDays)
            let backtest = try Backtest(prepared.points, splits, settings: settings) { progress("backtest", $0) }
            files[Self.backtestName] = try encoded(backtest)
            outcome.backtest = backtest
        }
        let passes = outcome.verdicts.allSatisfy(\.holds)
        let refitted = passes && settings.refit ? try run.refit(prepared, progress: progress) : nil
        outcome.isRefitted = refitted != nil
        files[ModelArtifact.cardName] = Array(
            ModelCard(fitted, prepared, outcome.importance, refitted: refitted, settings: settings).markdown().utf8)
        try store.exclusively {
            let version = try run.write(fitted, prepared, refitted: refitted, others: files, models: models)
            outcome.version = version
            try decide(version, incumbent, store, &outcome)
            // What has been decided stands, whatever becomes of old artifacts.
            do { outcome.pruned = try store.prune(keeping: settings.keep) } catch { outcome.pruneProblem = "\(error)" }
        }
        return outcome
    }

    /// Rules on what is in service, whatever the figures say.
    private func service(
        _ champion: ModelArtifact?, _ incumbent: String?, _ times: EvaluationProtocol
    ) -> [Gate.Verdict] {
        guard let incumbent else { return [] }
        guard let champion else {
            return [
                Gate.Verdict(
                    holds: false, rule: "champion_readable",
                    text:
                        "\(incumbent) is in service and cannot be compared with; promote a version by hand, or restore it"
                )
            ]
        }
        // A twin may be as good as a challenger that has seen less than what is served in its place.
        let until = EventTime.text(settings.refit ? times.end : times.split)
        return [
            Gate.Verdict(
                holds: until >= champion.manifest.trainedUntil, rule: "not_older",
                text: "learned until \(until), what is in service until \(champion.manifest.trainedUntil)")
        ]
    }

    private func decide(
        _ version: String, _ incumbent: String?, _ store: ArtifactStore, _ outcome: inout Outcome
    ) throws {
        if store.rolledBack.contains(version) {
            outcome.verdicts.append(
                Gate.Verdict(
                    holds: false, rule: "not_rolled_back",
                    text: "\(version) was in service and somebody went back from it; promote it by hand to undo that"))
        }
        if store.current != incumbent {
            outcome.verdicts.append(
                Gate.Verdict(
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

    /// The artifact in service, or why there is none to compare with.
    private static func champion(_ store: ArtifactStore) -> (ModelArtifact?, String?) {
        guard store.current != nil else { return (nil, "nothing is in service yet: the challenger is judged alone") }
        do { return (try ModelArtifact(path: store.directory), nil) } catch {
            return (nil, "the model in service cannot be used: \(error)")
        }
    }

    private static func profile(of artifact: ModelArtifact) -> DataProfile? {
        artifact.otherFiles[profileName].flatMap { try? JSONDecoder().decode(DataProfile.self, from: Data($0)) }
    }

    private func compare(
        _ fitted: TrainingRun.Fitted, _ champion: ModelArtifact, _ prepared: TrainingRun.Prepared,
        _ outcome: inout Outcome
    ) throws {
        let manifest = champion.manifest
        let (split, end) = (prepared.times.split, EventTime.parse(manifest.trainedUntil) ?? EventTime.latest)
        var (ensemble, learned) = (champion.ensemble, end)
        if end > split, manifest.evaluatedTwin != nil {
            let twin = try champion.evaluated()
            (ensemble, learned) = (twin.ensemble, EventTime.parse(twin.trainedUntil) ?? EventTime.latest)
            outcome.championNote =
                "the champion's figures are those of its evaluated twin, trained until \(twin.trainedUntil): what is "
                + "served has learned from points that are TEST here"
        }
        if learned > split {
            outcome.championNote =
                "the champion has learned from events up to \(EventTime.text(learned)), beyond the beginning of TEST at "
                + "\(EventTime.text(split)): these figures flatter it"
        }
        if manifest.origin != nil {
            outcome.championNote =
                "the champion was imported: what it learned from is not known, and if TEST was part of that its figures flatter it"
        }
        let theirs = TestPredictions(ensemble, on: fitted.predictions.sets, encoding: champion.categoryEncoding)
        outcome.comparison = Comparison(
            fitted.predictions, serving: settings.servingModel, champion: theirs, serving: manifest.servingModel,
            version: manifest.version, seed: UInt64(settings.seed))
    }
}

/// JSON with sorted keys: the same bytes for the same value.
func encoded(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
    return Array(try encoder.encode(value)) + [0x0A]
}

import Ensemble
import Monitoring
import Scoring

/// The models that one thread scores with, the one in service and those beside it: their scorer, and how the label join names them.
package final class ScoringModel {
    var scorer: Scorer
    /// Of each model that which it serves, and that which is for comparison only; one alone has no comparison.
    let labelJoinVersions: [LabelJoin.Version]
    /// Which models they are.
    package let mix: ModelMix
    /// That as text.
    let mixText: String

    /// - Parameter scorer: belongs to the thread from now on.
    package init(_ scorer: Scorer) {
        self.scorer = scorer
        let artifacts = [scorer.artifact] + scorer.companionModels.map(\.artifact)
        let isAlone = artifacts.count == 1
        labelJoinVersions = artifacts.flatMap { artifact in
            (isAlone ? [false] : [false, true]).map { isShadow in
                LabelJoin.Version(
                    version: artifact.manifest.version, servingModel: artifact.manifest.servingModel,
                    models: artifact.ensemble.models, isShadow: isShadow)
            }
        }
        mix = ModelMix(scorer.artifact, beside: scorer.companionModels)
        mixText = mix.text
    }

    /// The version in service.
    package var version: String { mix.champion }

    /// The place of a prediction's version in `labelJoinVersions`.
    @inline(__always)
    func labelJoinMember(of prediction: Scorer.Prediction) -> Int {
        labelJoinVersions.count == 1 ? 0 : 2 * prediction.member + (prediction.isShadow ? 1 : 0)
    }

    /// The model of it that made a prediction.
    @inline(__always)
    func servingModel(of prediction: Scorer.Prediction) -> ModelName {
        labelJoinVersions[labelJoinMember(of: prediction)].servingModel
    }
}

import Ensemble
import Monitoring
import Scoring

/// A model as one thread scores with it: its scorer, and how the label join names it.
package final class ScoringModel {
    var scorer: Scorer
    let labelJoinVersion: LabelJoin.Version
    /// The artifact's version.
    package let version: String

    /// - Parameter scorer: belongs to the thread from now on.
    package init(_ scorer: Scorer) {
        self.scorer = scorer
        let manifest = scorer.artifact.manifest
        version = manifest.version
        labelJoinVersion = LabelJoin.Version(
            version: manifest.version, servingModel: manifest.servingModel, models: scorer.artifact.ensemble.models)
    }
}

import Ensemble
import Features

/// A model beside the one that a scorer serves: it scores the same rows. Belongs to the scorer's thread.
final class Companion {
    let artifact: ModelArtifact
    /// Customers that it serves, of 10,000: 0 for a challenger.
    let servedShare: Int
    let encoder: PayloadEncoder
    let explanations: Explanations?
    private var workspace: Ensemble.Workspace
    /// By row of the batch.
    private(set) var scores: [Scores] = []
    /// The rows as it reads them, where its table of countries differs from the scorer's.
    private var matrix: FeatureMatrix?
    private let hasOwnCountries: Bool

    init(_ companion: CompanionModel, of scorer: ModelArtifact, encoder: PayloadEncoder, explanations: Explanations?) {
        artifact = companion.artifact
        servedShare = companion.servedShare
        self.encoder = encoder
        self.explanations = explanations
        workspace = Ensemble.Workspace(for: companion.artifact.ensemble)
        hasOwnCountries = companion.artifact.categoryEncoding != scorer.categoryEncoding
    }

    @inline(__always)
    func serves(_ customerHash: UInt64) -> Bool {
        servedShare > 0 && ModelRoles.Canary.serves(customerHash, perTenThousand: servedShare)
    }

    /// Scores a batch's rows.
    /// - Parameter countryHash: of the customer of a row.
    func score(_ rows: FeatureMatrix, countryHash: (Int) -> UInt64) {
        guard hasOwnCountries else {
            matrix = nil
            return artifact.ensemble.score(rows, into: &scores, workspace: &workspace)
        }
        var own = matrix ?? FeatureMatrix()
        own.removeAll()
        own.append(rows: rows) { artifact.categoryEncoding.countryRank(countryHash($0)) }
        artifact.ensemble.score(own, into: &scores, workspace: &workspace)
        matrix = own
    }

    /// The rows that it has scored.
    /// - Parameter rows: those of the batch.
    func matrix(of rows: FeatureMatrix) -> FeatureMatrix { matrix ?? rows }
}

/// A model that is to score beside the one in service, and whom it serves.
package struct CompanionModel: Sendable {
    /// The model.
    package let artifact: ModelArtifact
    /// Customers that it serves, of 10,000: 0 for a challenger.
    package let servedShare: Int

    /// - Parameter servedShare: customers that it serves, of 10,000; 0 for a challenger.
    package init(_ artifact: ModelArtifact, servedShare: Int = 0) {
        self.artifact = artifact
        self.servedShare = servedShare
    }
}

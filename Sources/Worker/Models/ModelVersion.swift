import Ensemble

/// An artifact at hand, as its manifest and the log of promotions have it. It is not verified.
package struct ModelVersion: Sendable, Equatable {
    /// The artifact's version.
    package let version: String
    /// The model of it whose probability is served.
    package let servingModel: ModelName
    /// End of its training period, ISO 8601.
    package let trainedUntil: String
    /// Examples that it has learned from.
    package let trainingExamples: Int
    /// Whether `current` points to it.
    package let isCurrent: Bool
    /// Whether a rollback would return to it.
    package let isPrevious: Bool
    /// Its role beside the one in service; `nil` where it has none.
    package let role: Role?
    /// The latest promotion of it: when, ISO 8601, and why; `nil` where there was none.
    package let promotion: ArtifactStore.Promotion?

    /// What a model does beside the one in service.
    package enum Role: String, Sendable {
        /// It serves a share of the customers.
        case canary
        /// It scores for comparison only.
        case challenger
    }

    /// Those of a directory, the latest written first; what has no readable manifest is left out.
    static func all(in directory: String) -> [ModelVersion] {
        let store = ArtifactStore(directory: directory)
        let (current, previous, promotions) = (store.current, store.previous, store.promotions)
        let roles = (try? store.roles()) ?? ModelRoles()
        return store.versions.compactMap { version in
            guard let manifest = try? store.manifest(of: version), manifest.version == version else { return nil }
            return ModelVersion(
                version: version, servingModel: manifest.servingModel, trainedUntil: manifest.trainedUntil,
                trainingExamples: manifest.trainingExamples, isCurrent: version == current,
                isPrevious: version == previous,
                role: version == roles.canary?.version
                    ? .canary : roles.challengers.contains(version) ? .challenger : nil,
                promotion: promotions.last { $0.version == version })
        }
    }
}

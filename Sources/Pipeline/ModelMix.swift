import Ensemble
import Scoring

/// The models that score together: the one in service, and those beside it. As text it stands in notes beside committed offsets:
/// `A`, `A+B*500` where B serves 500 of 10,000 customers, `A+B*500~C~D` where C and D are challengers.
package struct ModelMix: Equatable, Sendable {
    /// The version in service.
    package let champion: String
    /// Those beside it.
    package let roles: ModelRoles

    /// - Parameter champion: the version in service.
    package init(champion: String, roles: ModelRoles = ModelRoles()) {
        self.champion = champion
        self.roles = roles
    }

    /// - Parameters:
    ///   - champion: the model in service.
    ///   - companions: the models beside it.
    package init(_ champion: ModelArtifact, beside companions: [CompanionModel]) {
        self.champion = champion.manifest.version
        roles = ModelRoles(
            canary: companions.first { $0.servedShare > 0 }.map {
                ModelRoles.Canary(version: $0.artifact.manifest.version, perTenThousand: $0.servedShare)
            }, challengers: companions.filter { $0.servedShare == 0 }.map(\.artifact.manifest.version))
    }

    /// - Returns: `nil` for a text that is none.
    package init?(_ text: some StringProtocol) {
        func parts(_ text: some StringProtocol, by separator: Character) -> [String] {
            text.split(separator: separator, omittingEmptySubsequences: false).map { String($0) }
        }
        let all = parts(text, by: "~")
        let served = parts(all[0], by: "+")
        var canary: ModelRoles.Canary?
        if served.count == 2 {
            let share = parts(served[1], by: "*")
            guard share.count == 2, let customers = Int(share[1]), (1...10_000).contains(customers) else { return nil }
            canary = ModelRoles.Canary(version: share[0], perTenThousand: customers)
        }
        champion = served[0]
        roles = ModelRoles(canary: canary, challengers: Array(all.dropFirst()))
        guard served.count <= 2, roles.challengers.count <= ModelRoles.challengerLimit,
            ([champion] + roles.versions).allSatisfy({ ModelArtifact.isVersion($0) })
        else { return nil }
    }

    /// See the type.
    package var text: String {
        let canary = roles.canary.map { "+\($0.version)*\($0.perTenThousand)" } ?? ""
        return champion + canary + roles.challengers.map { "~\($0)" }.joined()
    }
}

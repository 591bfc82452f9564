import Ensemble
import Events
import HTTPTypes
import Hummingbird
import NIOCore
import Worker

// Which model is served, and which could be.
extension API {
    /// The routes of models.
    var modelRoutes: [Route] {
        [
            Route(.get, "/v1/model") { _, _ in json(view.model) },
            Route(.post, "/v1/model/reload") { _, _ in
                try outcome(try await answer { try await worker.reloadModel() })
            },
            Route(.post, "/v1/model/rollback") { _, _ in
                try requireToken()
                return try outcome(try await answer { try await worker.rollBackModel() })
            },
            Route(.get, "/v1/model/comparison") { _, _ in
                guard let comparison = worker.modelComparison else {
                    throw Problem(.unknownModel, "no other model has been held against the one in service")
                }
                return comparisonAnswer(comparison)
            },
            Route(.get, "/v1/model/versions") { _, _ in
                json(
                    ByteBuffer(
                        bytes: ComparisonAnswer.versions(
                            await worker.modelVersions(), serving: worker.artifact.manifest.version,
                            mayPromote: settings.token != nil)))
            },
            Route(.get, "/v1/model/versions/{version}/comparison") { _, context in
                let version = try Self.version(context)
                return comparisonAnswer(try await answer { try await worker.compareModel(version) })
            },
            Route(.post, "/v1/model/versions/{version}/promote") { request, context in
                try requireToken()
                let version = try Self.version(context)
                let hasConsent: Bool
                switch try Query(request, takes: ["whatever_it_changes"]).text("whatever_it_changes") {
                case nil, "false": hasConsent = false
                case "true": hasConsent = true
                default: throw Problem.badParameter("whatever_it_changes", "must be true or false")
                }
                return try outcome(
                    try await answer { try await worker.promoteModel(version, hasConsent: hasConsent) })
            },
        ]
    }

    /// Without a token any page that this machine's browser shows could send such a request.
    private func requireToken() throws(Problem) {
        guard settings.token != nil else {
            throw Problem(
                .tokenNeeded, "this worker has no http.token: set one, or use trainer promote and trainer rollback")
        }
    }

    private static func version(_ context: BasicRequestContext) throws(Problem) -> String {
        guard let version = Query.decoded(context.parameters.get("version") ?? ""), ModelArtifact.isVersion(version)
        else { throw .badParameter("version", "is no version of a model; GET /v1/model/versions names those at hand") }
        return version
    }

    private func comparisonAnswer(_ comparison: ModelComparison) -> Response {
        json(ByteBuffer(bytes: ComparisonAnswer.json(comparison, view.context.thresholds)))
    }

    private func outcome(_ outcome: ModelWatch.Outcome) throws(Problem) -> Response {
        let (version, isChanged): (String, Bool)
        switch outcome {
        case .served(let served): (version, isChanged) = (served, true)
        case .unchanged(let served): (version, isChanged) = (served, false)
        case .refused(let served, let reason):
            throw Problem(.modelRefused, reason).with("model_version") { $0.string(served) }
        }
        let body = JSONWriter.text { writer in
            writer.object { writer in
                writer.key("model_version")
                writer.string(version)
                writer.key("changed")
                writer.bool(isChanged)
            }
        }
        return json(ByteBuffer(bytes: body))
    }
}

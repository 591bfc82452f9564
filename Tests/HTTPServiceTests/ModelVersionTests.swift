import Ensemble
import Events
import Foundation
import HTTPTypes
import Scoring
import TestSupport
import Testing

@testable import HTTPService

/// Which models there are, what they would change, and putting them in service.
@Suite struct ModelVersionTests {
    private let directory: TemporaryDirectory
    private let first: String
    private let rig: Rig

    init() throws {
        directory = try TemporaryDirectory()
        first = try OtherModel.add(to: directory.path)
        try OtherModel.add(to: directory.path, version: "near", serving: .stacking, isCurrent: false)
        try OtherModel.add(to: directory.path, version: "far", serving: .randomForest, isCurrent: false)
        rig = try Self.rig(token: "sesame", directory)
    }

    private static func rig(token: String?, _ directory: TemporaryDirectory) throws -> Rig {
        var settings = HTTPSettings()
        settings.token = token
        let worker = try TestWorker(artifact: ModelArtifact(path: directory.path), customers: 60)
        worker.directory.withLock { $0 = directory.path }
        return try Rig(settings: settings, worker: worker)
    }

    private func ask(_ method: HTTPRequest.Method, _ path: String, _ rig: Rig? = nil) async throws -> Answer {
        try await (rig ?? self.rig).ask(
            method, path, body: method == .post ? "" : nil, headers: [.authorization: "Bearer sesame"])
    }

    @Test func versionsAreListed() async throws {
        let answer = try await ask(.get, "/v1/model/versions")
        #expect(answer.status == .ok && answer.text.contains("\"may_promote\":true"))
        for version in [first, "near", "far"] { #expect(answer.text.contains("\"version\":\"\(version)\"")) }
        #expect(answer.text.contains("\"serving\":\"\(first)\""))
    }

    @Test func aComparisonIsMadeAndKept() async throws {
        #expect(try await ask(.get, "/v1/model/comparison").status == .notFound)
        let made = try await ask(.get, "/v1/model/versions/far/comparison")
        #expect(made.status == .ok && made.text.contains("\"is_judged\":true"))
        #expect(try await ask(.get, "/v1/model/comparison").text == made.text)
        #expect(try await ask(.get, "/v1/model/versions/none/comparison").status == .notFound)
        for odd in ["..%2Ffar", ".hidden", "a%20b", "%ff"] {
            #expect(
                try await ask(.get, "/v1/model/versions/\(odd)/comparison").status == .unprocessableContent, "\(odd)")
        }
    }

    @Test func promotionNeedsATokenAndConsentBeyondTheLimits() async throws {
        let open = try Self.rig(token: nil, directory)
        for path in ["/v1/model/versions/near/promote", "/v1/model/rollback"] {
            let refused = try await ask(.post, path, open)
            #expect(refused.status == .forbidden && refused.text.contains("http.token"), "\(refused.text)")
            #expect(try await rig.ask(.post, path, body: "").status == .unauthorized)
        }
        #expect(ArtifactStore(directory: directory.path).current == first)

        let beyond = try await ask(.post, "/v1/model/versions/far/promote")
        #expect(beyond.status == .conflict && beyond.text.contains("would change too much"), "\(beyond.text)")
        #expect(
            try await ask(.post, "/v1/model/versions/far/promote?whatever_it_changes=perhaps").status
                == .unprocessableContent)
        let near = try await ask(.post, "/v1/model/versions/near/promote")
        #expect(near.status == .ok && near.text == "{\"model_version\":\"near\",\"changed\":true}", "\(near.text)")
        let back = try await ask(.post, "/v1/model/rollback")
        #expect(back.status == .ok && back.text.contains(first), "\(back.text)")
        let far = try await ask(.post, "/v1/model/versions/far/promote?whatever_it_changes=true")
        #expect(far.status == .ok && far.text.contains("\"far\""), "\(far.text)")
        #expect(try await ask(.get, "/v1/model/versions/far/promote").status == .methodNotAllowed)
    }

    /// A customer's page shows what the stream publishes of them, also where another model serves them than the one in service.
    @Test func aCustomerIsScoredByTheModelThatServesThem() async throws {
        let worker = try TestWorker(artifact: ModelArtifact(path: directory.path), customers: 60)
        let canary = try ModelArtifact(path: "\(directory.path)/far")
        worker.companionModels.withLock { $0 = [CompanionModel(canary, servedShare: 5000)] }
        let rig = try Rig(worker: worker)
        var served: [Bool: Int] = [:]
        for customer in worker.busiest.prefix(20) {
            let isCanary = ModelRoles.Canary.serves(contentHash(of: customer), perTenThousand: 5000)
            let answer = try await rig.get("/v1/customers/\(customer)")
            #expect(answer.text.contains("\"model_version\":\"\(isCanary ? "far" : first)\""), "\(customer)")
            served[isCanary, default: 0] += 1
        }
        #expect(served.count == 2)
    }
}

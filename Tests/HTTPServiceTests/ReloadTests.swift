import Ensemble
import Foundation
import TestSupport
import Testing

@testable import HTTPService

/// Another model while the service answers.
@Suite struct ReloadTests {
    private let rig: Rig
    private let version: String

    init() throws {
        let artifact = try ModelArtifact(path: Checkout.models)
        version = artifact.manifest.version
        rig = try Rig(worker: TestWorker(artifact: artifact, customers: 10))
    }

    @Test func aReloadSaysWhatIsServed() async throws {
        let same = try await rig.ask(.post, "/v1/model/reload", body: "")
        #expect(same.status == .ok && same.text == "{\"model_version\":\"\(version)\",\"changed\":false}")
        rig.worker.offer("newer")
        let served = try await rig.ask(.post, "/v1/model/reload", body: "")
        #expect(served.status == .ok && served.text == "{\"model_version\":\"newer\",\"changed\":true}")
        rig.worker.offer(nil)
        rig.worker.refuse("models/current/manifest.json: has no golden rows")
        let refused = try await rig.ask(.post, "/v1/model/reload", body: "")
        #expect(refused.status == .conflict && refused.text.contains("has no golden rows"))
        #expect(refused.text.contains("\"model_version\":\"\(version)\""))
        #expect(try await rig.ask(.get, "/v1/model/reload").status == .methodNotAllowed)
    }

    @Test func answersAreOfTheModelInService() async throws {
        let directory = try TemporaryDirectory()
        try OtherModel.add(to: directory.path, version: "other", serving: .logisticRegression)
        let body = Rig.body(try #require(rig.worker.messages[rig.worker.busiest[0]]))
        let before = try await rig.ask(.post, "/v1/score", body: body).text
        #expect(before.contains("\"model_version\":\"\(version)\""))
        rig.worker.serve(try ModelArtifact(path: directory.path))
        // What answers need of it is prepared beside them.
        let deadline = ContinuousClock.now + .seconds(60)
        while try await !rig.ask(.post, "/v1/score", body: body).text.contains("\"model_version\":\"other\"") {
            try #require(ContinuousClock.now < deadline)
            try await Task.sleep(for: .milliseconds(20))
        }
        for path in ["/v1/model", "/v1/status", "/health/ready", "/v1/customers/\(rig.worker.busiest[0])"] {
            #expect(try await rig.get(path).text.contains("\"other\""), "\(path)")
        }
    }
}

import Ensemble
import Events
import Features
import Foundation
import Logging
import Scoring
import TestSupport
import Testing

@testable import Worker

/// Models beside the one in service come and go without a restart, and keep no other from its place.
@Suite(.waiting) struct RolesTests {
    private static func version(_ record: TopicReader.Record) -> String {
        let text = String(decoding: record.value, as: UTF8.self)
        return text.firstMatch(of: #/"model_version":"([^"]+)"/#).map { String($0.1) } ?? "none"
    }

    @Test func rolesAreTakenAndLeftWithoutARestart() async throws {
        let rig = try WorkerRig(partitions: 1)
        let models = rig.directory.path + "/models"
        let first = try OtherModel.add(to: models)
        try OtherModel.add(to: models, version: "canary", serving: .logisticRegression, isCurrent: false)
        try OtherModel.add(to: models, version: "challenger", serving: .randomForest, isCurrent: false)
        let store = ArtifactStore(directory: models)
        try store.assign(
            ModelRoles(canary: .init(version: "canary", perTenThousand: 4000), challengers: ["challenger"]))
        _ = try rig.broker.createTopic("challengers", partitions: 1)
        rig.settings.models = models
        rig.settings.reloadMilliseconds = 0
        rig.settings.comparedRows = 0
        rig.settings.challengersTopic = "challengers"
        let settings = rig.settings
        let (messages, payloads) = try WorkerTests.shop(customers: 60)
        let worker = try Worker(
            settings: settings, artifact: ModelLoader(settings: settings).artifact(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let running = Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
        let half = messages.count / 2
        try WorkerTests.publish(messages[..<half], settings)
        try wait(for: "the first half") { worker.counters.snapshot.committed == half }
        #expect(worker.status.model.roles == (try store.roles()))
        let ranking = try await worker.ranking(top: 1000)
        let byCanary = ranking.entries.filter {
            ModelRoles.Canary.serves(contentHash(of: $0.customerID), perTenThousand: 4000)
        }
        #expect(byCanary.count > 5 && byCanary.count < ranking.entries.count)
        for entry in byCanary.prefix(3)
            + ranking.entries.filter({ !byCanary.map(\.customerID).contains($0.customerID) }).prefix(3)
        {
            let report = try #require(try await worker.customer(entry.customerID))
            let isCanary = ModelRoles.Canary.serves(contentHash(of: entry.customerID), perTenThousand: 4000)
            let artifact = isCanary ? try ModelArtifact(path: "\(models)/canary") : worker.artifact
            #expect(entry.probability == Self.probability(of: report, artifact))
        }

        // A challenger that cannot score is said to be so, and the rest goes on.
        try OtherModel.add(to: models, version: "broken", serving: .xgboost, isCurrent: false)
        try store.assign(ModelRoles(challengers: ["challenger", "broken"]))
        try FileManager.default.removeItem(atPath: models + "/broken/xgboost.ubj")
        #expect(try await worker.reloadModel() == .served(version: first))
        #expect(worker.status.model.roles == ModelRoles(challengers: ["challenger"]))
        #expect(worker.status.model.refused?.reason.contains("broken cannot score beside \(first)") == true)
        // Nor does it keep another model out of service.
        try OtherModel.add(to: models, version: "next", serving: .stacking)
        #expect(try await worker.reloadModel() == .served(version: "next"))
        try Data("{".utf8).write(to: URL(fileURLWithPath: models + "/roles.json"))
        guard case .refused("next", let reason) = try await worker.reloadModel() else {
            Issue.record("roles that cannot be understood are taken")
            return
        }
        #expect(reason.contains("roles.json: cannot be understood"))
        #expect(worker.status.model.roles == ModelRoles(challengers: ["challenger"]))
        try store.assign(ModelRoles())
        _ = try await worker.reloadModel()
        #expect(worker.status.model.roles == ModelRoles() && worker.status.model.refused == nil)

        try WorkerTests.publish(messages[half...], settings)
        try wait(for: "all messages") { worker.counters.snapshot.committed == messages.count }
        worker.requestStop()
        try await running.value

        let found = try WorkerTests.records(payloads.count, settings)
        let before = messages[..<half].count { !$0.key.isEmpty }
        #expect(Set(found.map(Self.version)) == [first, "canary", "next"])
        #expect(Set(found.prefix(before).map(Self.version)) == [first, "canary"])
        #expect(Set(found.dropFirst(before).map(Self.version)) == ["next"])
        let reader = try TopicReader(topic: "challengers", properties: settings.kafkaProperties.client)
        var challengers: [TopicReader.Record] = []
        try wait(for: "the challenger's predictions") {
            try reader.read { challengers.append($0) }
            return challengers.count >= before
        }
        #expect(challengers.count == before && Set(challengers.map(Self.version)) == ["challenger"])
        #expect(challengers.map(\.sourceOffset) == found.prefix(before).map(\.sourceOffset))
    }

    private static func probability(of report: CustomerReport, _ artifact: ModelArtifact) -> Double {
        var (scores, workspace) = ([Scores](), Ensemble.Workspace(for: artifact.ensemble))
        var matrix = FeatureMatrix()
        let state = report.state.advanced(to: max(report.state.clock, report.partitionClock))
        artifact.makeExtractor().append(state, to: &matrix)
        artifact.ensemble.score(matrix, into: &scores, workspace: &workspace)
        return scores[0][artifact.manifest.servingModel]
    }

    @Test func rolesAreCheckedBeforeTheyAreWritten() throws {
        let directory = try TemporaryDirectory()
        let first = try OtherModel.add(to: directory.path)
        try OtherModel.add(to: directory.path, version: "other", isCurrent: false)
        let store = ArtifactStore(directory: directory.path)
        #expect(try store.roles() == ModelRoles())
        for odd in [
            ModelRoles(challengers: [first]), ModelRoles(challengers: ["nowhere"]),
            ModelRoles(challengers: ["../other"]),
            ModelRoles(canary: .init(version: "other", perTenThousand: 5), challengers: ["other"]),
            ModelRoles(challengers: ["a", "b", "c", "d"]),
        ] {
            #expect(throws: ArtifactError.self) { try store.assign(odd) }
        }
        #expect(try store.roles() == ModelRoles())
        let roles = ModelRoles(canary: .init(version: "other", perTenThousand: 5))
        try store.assign(roles)
        #expect(try store.roles() == roles)
        // In service it has no other role.
        try store.promote("other", reason: "by hand")
        #expect(try store.roles() == ModelRoles())
    }
}

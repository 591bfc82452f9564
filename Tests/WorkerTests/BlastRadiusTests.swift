import Ensemble
import Foundation
import Logging
import TestSupport
import Testing

@testable import Worker

/// A model that would change too much is refused, until somebody consents.
@Suite(.waiting) struct BlastRadiusTests {
    private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    @Test func beyondTheLimitsAModelNeedsConsent() async throws {
        let rig = try WorkerRig(partitions: 2)
        let models = rig.directory.path + "/models"
        let first = try OtherModel.add(to: models)
        let store = ArtifactStore(directory: models)
        try OtherModel.add(to: models, version: "other", serving: .randomForest, isCurrent: false)
        rig.settings.models = models
        rig.settings.reloadMilliseconds = 0
        rig.settings.threads = 2
        rig.settings.blastRadiusLimits.stabilityIndex = 0.001
        let settings = rig.settings
        let (messages, _) = try WorkerTests.shop(customers: 120)
        let worker = try Worker(
            settings: settings, artifact: ModelLoader(settings: settings).artifact(), logger: Self.quiet)
        let running = Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
        try wait(for: "both partitions") { worker.status.partitions.count == 2 && worker.status.isReady }

        // Nothing has been predicted: nothing can be said.
        let none = try await worker.compareModel("other")
        #expect(!none.isJudged && none.radius.all.rows == 0 && none.exceeded.isEmpty)
        for partition in 0..<Int32(2) { try WorkerTests.publish(messages[...], settings, partition: partition) }
        try wait(for: "the messages") { worker.counters.snapshot.received == 2 * messages.count }

        let comparison = try await worker.compareModel("other")
        let scored = messages.count { !$0.key.isEmpty }
        #expect(abs(comparison.radius.all.rows - scored / 8) < 2 && comparison.isJudged)
        #expect(comparison.radius.before.version == first && comparison.radius.after.version == "other")
        #expect(comparison.exceeded.count == 1)
        await #expect(throws: QueryError.self) { try await worker.compareModel("nowhere") }
        await #expect(throws: QueryError.self) { try await worker.compareModel("../models/other") }

        // By the page: `current` stays where it is.
        guard case .refused(first, let reason) = try await worker.promoteModel("other", hasConsent: false) else {
            Issue.record("a model beyond the limits is promoted")
            return
        }
        #expect(reason.contains("would change too much") && reason.contains("--whatever-it-changes"), "\(reason)")
        #expect(store.current == first && worker.artifact.manifest.version == first)
        // By the trainer: the worker keeps what it has, and says so, also as the role of the other one ends with that.
        try store.assign(ModelRoles(canary: .init(version: "other", perTenThousand: 100)))
        #expect(try await worker.reloadModel() == .served(version: first))
        try store.promote("other", reason: "by hand")
        guard case .refused(first, let again) = try await worker.reloadModel() else {
            Issue.record("a model beyond the limits is served")
            return
        }
        #expect(again == reason && worker.status.model.refused?.reason == reason)
        #expect(worker.status.model.roles == ModelRoles() && worker.artifact.manifest.version == first)
        #expect(worker.modelComparison?.exceeded == comparison.exceeded)
        // With consent it is served; and the way back is always open.
        #expect(try await worker.promoteModel("other", hasConsent: true) == .served(version: "other"))
        #expect(store.promotions.last?.isUnconditional == true && worker.status.model.refused == nil)
        #expect(try await worker.rollBackModel() == .served(version: first))
        #expect(store.current == first)
        try store.promote("other", reason: "by hand" + ArtifactStore.consent)
        #expect(try await worker.reloadModel() == .served(version: "other"))
        worker.requestStop()
        try await running.value
    }
}

import CoreMetrics
import Ensemble
import Foundation
import Kafka
import Logging
import Monitoring
import SchemaRegistry
import Scoring
import ServiceLifecycle
import Synchronization

/// The scoring worker as a service: it runs its threads until it is told to stop or one of them fails.
package final class Worker: Service {
    /// What it was started with.
    package let settings: WorkerSettings
    let slot: ModelSlot
    let models: ModelWatch
    /// What it has done so far.
    package let counters: WorkerCounters
    /// One a thread.
    let boards: [ThreadBoard]
    let controlQueues: [ControlQueue]
    let reports = MonitoringReports()
    let audit: FeatureAudit
    let pointInTime: PointInTimeQuery
    let started = ContinuousClock.now
    /// Of the input topic; 0 before it is known.
    let partitionCount = Atomic<Int>(0)
    let metrics: any MetricsFactory
    private let logger: Logger
    private let shutdown: Shutdown
    private let placements = CustomerPlacements()
    private let library: ModelLibrary
    let watch: ClusterWatch

    /// - Parameters:
    ///   - artifact: the model to score with, until another one is put in its place.
    ///   - metrics: where the threads record what they measure.
    /// - Throws: `ArtifactError` when the artifact's reference distributions cannot be understood.
    package init(
        settings: WorkerSettings, artifact: ModelArtifact, metrics: any MetricsFactory = NOOPMetricsHandler.instance,
        logger: Logger
    ) throws {
        self.settings = settings
        self.metrics = metrics
        self.logger = logger
        slot = ModelSlot(try ServedModel(artifact))
        counters = WorkerCounters(threads: settings.threads)
        boards = (0..<settings.threads).map { _ in ThreadBoard() }
        controlQueues = (0..<settings.threads).map { _ in ControlQueue() }
        pointInTime = PointInTimeQuery(settings)
        shutdown = Shutdown(threads: settings.threads)
        watch = ClusterWatch(settings, logger: logger)
        library = ModelLibrary(settings, logger: logger)
        audit = FeatureAudit(settings, controlQueues: controlQueues, logger: logger)
        models = ModelWatch(settings, slot, controlQueues: controlQueues, logger: logger)
    }

    /// Runs until graceful shutdown, `requestStop` or a failure; what was processed is published and committed.
    /// - Throws: `WorkerError` when Kafka or the topics cannot be found; `KafkaError` for what waiting cannot mend.
    package func run() async throws {
        let check = try TopicCheck(settings: settings)
        try check.require(settings.topics)
        try check.requireLog(settings.inputTopic)
        partitionCount.store(try check.partitionCount(of: settings.inputTopic), ordering: .relaxed)
        if let topic = settings.checkpointTopicName { try check.provide(topic) }
        let store = try settings.makeCheckpointStore()
        let limits = try check.recordLimits(of: settings.writtenTopics)
        if let topic = settings.checkpointTopicName { try check.requireRoom(for: topic, limits) }
        let schemas = try check.outputSchemas()
        models.prepare()
        logger.info(
            "worker starts",
            metadata: [
                "model": "\(artifact.manifest.version)", "serving": "\(artifact.manifest.servingModel.rawValue)",
                "input": "\(settings.inputTopic)", "output": "\(settings.outputTopic)", "group": "\(settings.group)",
                "threads": .stringConvertible(settings.threads), "librdkafka": "\(Library.version)",
            ])
        if let note = ConnectionProblem.scramNote(for: settings.kafkaProperties.client) { logger.warning("\(note)") }
        try await withGracefulShutdownHandler {
            try await withTaskCancellationHandler {
                try await runThreads(store, schemas, limits)
            } onCancel: {
                requestStop()
            }
        } onGracefulShutdown: {
            self.logger.info("worker stops")
            self.requestStop()
        }
        let done = counters.snapshot
        logger.info(
            "worker stopped",
            metadata: [
                "received": .stringConvertible(done.received), "scored": .stringConvertible(done.scored),
                "anonymous": .stringConvertible(done.anonymous),
                "rejected": .stringConvertible(done.rejected), "committed": .stringConvertible(done.committed),
            ])
    }

    /// The model that it scores with at the moment.
    package var artifact: ModelArtifact { slot.current.artifact }

    /// The models that score beside it at the moment.
    package var companions: [CompanionModel] { slot.current.companions }

    /// Has it look for another model now; returns at once. What comes of it is in the log and in the status.
    package func requestReload() { models.request() }

    /// Asks the threads to finish; returns at once.
    package func requestStop() { shutdown.begin() }

    private func runThreads(
        _ store: (any CheckpointStore)?, _ schemas: OutputSchemas?, _ limits: RecordLimits
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<settings.threads {
                group.addTask {
                    try await self.runThread("stream-\(number)") {
                        // Nobody waits for a thread that has failed.
                        defer { self.shutdown.markCommitted(number) }
                        try self.stream(number, store, schemas, limits)
                    }
                }
            }
            group.addTask {
                try await self.runThread("models") {
                    self.models.run(schemas, grades: { self.grades }) { self.shutdown.isRequested }
                }
            }
            group.addTask {
                try await self.runThread("audit") {
                    self.audit.run(artifact: { self.artifact }) { self.shutdown.isRequested }
                }
            }
            group.addTask {
                try await self.runThread("watch") { try self.watch.run { self.shutdown.isCommitted } }
            }
            do {
                // Not waitForAll: that throws only when all have ended.
                for try await _ in group {}
            } catch {
                // One has failed: the others finish their work and stop too.
                requestStop()
                throw error
            }
        }
    }

    private func runThread(_ name: String, _ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            let thread = Thread { continuation.resume(with: Result { try body() }) }
            thread.name = name
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    /// One thread's work, with new clients whenever the old ones have been fenced or lost track of their transaction.
    private func stream(
        _ number: Int, _ store: (any CheckpointStore)?, _ schemas: OutputSchemas?, _ limits: RecordLimits
    ) throws {
        let refused = RefusedSources()
        var fencings = FencingRecord(started: started)
        while true {
            let generation = slot.targetGeneration
            let dependencies = StreamThread.Dependencies(
                settings: settings, model: slot.target, library: library, store: store, schemas: schemas,
                counters: counters, partitionCount: partitionCount.load(ordering: .relaxed), limits: limits,
                refused: refused, placements: placements, watch: watch, shutdown: shutdown, metrics: metrics,
                logger: logger)
            do {
                let thread = try StreamThread(
                    number: number, dependencies, board: boards[number], control: controlQueues[number])
                return try thread.run(until: shutdown) { self.slot.targetGeneration != generation }
            } catch is OutdatedModel {
                continue
            } catch let error as KafkaError where error.remedy == .retry || error.remedy == .rejoin && error.isFatal {
                if shutdown.isRequested {
                    logger.warning(
                        "stopped before Kafka answered; nothing is lost: what was not committed is processed again",
                        metadata: ["error": "\(error)"])
                    return
                }
                if error.isFenced, !watch.wasAwayLately, fencings.isContested(at: .now) {
                    throw contested(error, thread: number)
                }
                logger.warning("starting with new clients", metadata: ["error": "\(error)"])
                Thread.sleep(forTimeInterval: 1)
            }
        }
    }

    /// Another process uses this worker's identity.
    private func contested(_ error: KafkaError, thread: Int) -> WorkerError {
        let names = [
            settings.kafkaProperties.producer(thread: thread, RecordLimits())["transactional.id"].map {
                "transactional.id \($0)"
            },
            settings.kafkaProperties.consumer(thread: thread)["group.instance.id"].map { "group.instance.id \($0)" },
        ].compactMap { $0 }.joined(separator: ", ")
        return WorkerError(
            "another worker of group \(settings.group) has the same processing.instance (\(names)), and has thrown this one "
                + "out again and again; this one ends, as the one that has been at work for a shorter time does. Give each worker its own processing.instance: "
                + "\(error)")
    }
}

/// Why a worker cannot work, and what to do.
package struct WorkerError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The cause and the remedy, for a person.
    package let description: String

    init(_ description: String) { self.description = description }
}

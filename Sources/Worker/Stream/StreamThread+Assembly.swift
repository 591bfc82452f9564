import CoreMetrics
import Ensemble
import Events
import Kafka
import Logging
import Monitoring
import Pipeline
import SchemaRegistry

extension StreamThread {
    /// What a thread is made of; each owns what its name says, and the thread owns them.
    struct Parts {
        let number: Int
        let settings: WorkerSettings
        let consumer: Consumer
        let registry: PartitionRegistry
        let membership: GroupMembership
        let factory: TaskFactory
        let restorer: Restorer
        let pipeline: ScoringPipeline
        let output: OutputWriter
        let commits: CommitCoordinator
        let checkpointer: Checkpointer
        let control: ControlQueue
        let queries: QueryExecutor
        let changer: ModelChanger
        let reporter: ThreadReporter
        let watch: ClusterWatch
    }

    /// What a thread shares with the rest of its worker.
    struct Dependencies {
        let settings: WorkerSettings
        /// What is served when the thread begins.
        let model: ServedModel
        /// Artifacts of earlier versions.
        let library: ModelLibrary
        let store: (any CheckpointStore)?
        /// Of what is published in Avro; `nil` for JSON.
        let schemas: OutputSchemas?
        let counters: WorkerCounters
        /// Of the input topic.
        let partitionCount: Int
        /// How large records of the topics may be.
        let limits: RecordLimits
        /// What the broker has refused for good.
        let refused: RefusedSources
        /// Where customers have been seen.
        let placements: CustomerPlacements
        let watch: ClusterWatch
        let shutdown: Shutdown
        let metrics: any MetricsFactory
        let logger: Logger
    }

    /// Connects to Kafka and makes all parts.
    /// - Parameter number: tells the worker's threads apart.
    /// - Throws: `KafkaError` when a client cannot be made or fenced by its transactional identity; `ArtifactError` when
    ///   predictions are to be explained and the artifact's models cannot be.
    convenience init(
        number: Int, _ dependencies: Dependencies, board: ThreadBoard, control: ControlQueue
    ) throws {
        let (settings, logger) = (dependencies.settings, dependencies.logger)
        let reporter = ThreadReporter(
            number: number, counters: dependencies.counters, board: board,
            sessionTimeoutMilliseconds: settings.kafkaProperties.sessionTimeoutMilliseconds, watch: dependencies.watch,
            metrics: dependencies.metrics, logger: logger)
        let report: @Sendable (KafkaError) -> Void = { [watch = dependencies.watch] in watch.note($0) }
        let consumer = try Consumer(properties: settings.kafkaProperties.consumer(thread: number), onError: report)
        let producer = try Producer(
            properties: settings.kafkaProperties.producer(thread: number, dependencies.limits), onError: report)
        let isHopeless = { [shutdown = dependencies.shutdown, watch = dependencies.watch] in
            shutdown.isRequested && watch.isAway
        }
        let commitProtocol: any CommitProtocol =
            switch settings.guarantee {
            case .exactlyOnce:
                try ExactlyOnce(
                    producer: producer, timeoutMilliseconds: AssignmentRequests.retryTimeoutMilliseconds,
                    isCancelled: { [shutdown = dependencies.shutdown] in shutdown.isRequested },
                    isHopeless: isHopeless)
            case .atLeastOnce: AtLeastOnce(producer: producer, isHopeless: isHopeless)
            }
        let messages = MessageBatch(capacity: settings.batchMessages)
        let registry = PartitionRegistry()
        let pipeline = ScoringPipeline(
            decoder: EventDecoder(format: settings.events),
            scorer: try ModelLoader(settings: settings).scorer(
                dependencies.model, schemas: dependencies.schemas),
            monitor: PredictionMonitor(
                reference: dependencies.model.reference, driftRows: settings.driftRows,
                recentRows: settings.comparedRows, metrics: dependencies.metrics),
            outcomeSchema: dependencies.schemas?.outcome,
            findArtifact: { [library = dependencies.library] in library.artifact($0) })
        let output = try OutputWriter(
            settings: settings, producer: producer, commitProtocol: commitProtocol, messages: messages,
            limits: dependencies.limits, refused: dependencies.refused,
            placement: PlacementCheck(
                partitionCount: dependencies.partitionCount, seen: dependencies.placements,
                counters: dependencies.counters, reporter: reporter),
            reporter: reporter)
        let checkpointer = Checkpointer(
            settings: settings, store: dependencies.store, registry: registry, publisher: output, reporter: reporter)
        let commits = CommitCoordinator(
            settings: settings, commitProtocol: commitProtocol, consumer: consumer, output: output,
            registry: registry, checkpointer: checkpointer, reporter: reporter, watch: dependencies.watch)
        let requests = AssignmentRequests(consumer: consumer, reporter: reporter, shutdown: dependencies.shutdown)
        let restorer = Restorer(
            settings: settings, store: dependencies.store, consumer: consumer, requests: requests, registry: registry,
            checkpointer: checkpointer, reporter: reporter)
        let factory = TaskFactory(
            settings: settings, requests: requests, registry: registry, restorer: restorer,
            checkpointer: checkpointer, pipeline: pipeline, partitionCount: dependencies.partitionCount,
            reporter: reporter)
        let membership = GroupMembership(
            factory: factory, commits: commits, checkpointer: checkpointer, registry: registry, reporter: reporter)
        let changer = ModelChanger(
            pipeline: pipeline, commits: commits, registry: registry, watch: dependencies.watch, settings: settings)
        self.init(
            Parts(
                number: number, settings: settings, consumer: consumer, registry: registry, membership: membership,
                factory: factory, restorer: restorer, pipeline: pipeline, output: output, commits: commits,
                checkpointer: checkpointer, control: control,
                queries: QueryExecutor(registry: registry, pipeline: pipeline, changer: changer), changer: changer,
                reporter: reporter, watch: dependencies.watch),
            messages: messages)
    }
}

import Dispatch
import Ensemble
import NIOCore
import Scoring
import Synchronization
import Worker

/// What answers need of one model: the context of scoring, and documents that do not change while it is served.
struct ModelView: Sendable {
    let context: ScoringContext
    let pool: WorkspacePool
    let model: ByteBuffer
    let features: ByteBuffer
    let document: ByteBuffer
    let docs: ByteBuffer

    init(_ context: ScoringContext, settings: HTTPSettings) {
        self.context = context
        pool = WorkspacePool(context)
        model = ByteBuffer(bytes: ModelAnswer.json(context.artifact))
        features = ByteBuffer(bytes: ModelAnswer.features(context.artifact.schema))
        let document = OpenAPIDocument(context: context, settings: settings).json
        self.document = ByteBuffer(string: document)
        docs = ByteBuffer(string: DocsPage.html(document: document))
    }
}

/// The view of the model in service. After a change a new one is prepared beside the requests, which get the former one until it
/// is ready.
final class ModelViews: Sendable {
    private struct State {
        var generation: Int
        var view: ModelView
        /// Of a model that serves a share of the customers, with that share.
        var canary: (view: ModelView, perTenThousand: Int)?
        var isPreparing = false
    }

    private let settings: HTTPSettings
    private let state: Mutex<State>

    init(_ context: ScoringContext, settings: HTTPSettings, of worker: any LiveWorker) {
        self.settings = settings
        let generation = worker.modelGeneration
        let view = ModelView(context, settings: settings)
        state = Mutex(
            State(generation: generation, view: view, canary: Self.canary(of: worker, context, settings)))
    }

    private static func canary(
        of worker: any LiveWorker, _ context: ScoringContext, _ settings: HTTPSettings
    ) -> (ModelView, Int)? {
        worker.companions.first { $0.servedShare > 0 }.map {
            (ModelView(context.of($0.artifact), settings: settings), $0.servedShare)
        }
    }

    /// The view of the model that serves a customer.
    func current(of worker: any LiveWorker, servingHash hash: UInt64) -> ModelView {
        let view = current(of: worker)
        guard let canary = state.withLock({ $0.canary }),
            ModelRoles.Canary.serves(hash, perTenThousand: canary.perTenThousand)
        else { return view }
        return canary.view
    }

    func current(of worker: any LiveWorker) -> ModelView {
        let generation = worker.modelGeneration
        let (view, isOutdated) = state.withLock { state in
            let isOutdated = state.generation != generation && !state.isPreparing
            if isOutdated { state.isPreparing = true }
            return (state.view, isOutdated)
        }
        if isOutdated {
            DispatchQueue.global().async { [self] in
                let next = ModelView(view.context.of(worker.artifact), settings: settings)
                let canary = Self.canary(of: worker, next.context, settings)
                state.withLock { $0 = State(generation: generation, view: next, canary: canary) }
            }
        }
        return view
    }
}

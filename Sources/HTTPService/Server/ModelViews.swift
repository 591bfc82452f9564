import Dispatch
import Ensemble
import NIOCore
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
        var isPreparing = false
    }

    private let settings: HTTPSettings
    private let state: Mutex<State>

    init(_ context: ScoringContext, settings: HTTPSettings, generation: Int) {
        self.settings = settings
        state = Mutex(State(generation: generation, view: ModelView(context, settings: settings)))
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
                state.withLock { $0 = State(generation: generation, view: next) }
            }
        }
        return view
    }
}

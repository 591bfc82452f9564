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

/// The view of the model in service, prepared when it is first asked for after a change.
final class ModelViews: Sendable {
    private let settings: HTTPSettings
    private let latest: Mutex<(generation: Int, view: ModelView)>

    init(_ context: ScoringContext, settings: HTTPSettings, generation: Int) {
        self.settings = settings
        latest = Mutex((generation, ModelView(context, settings: settings)))
    }

    func current(of worker: any LiveWorker) -> ModelView {
        latest.withLock { latest in
            let generation = worker.modelGeneration
            if latest.generation != generation {
                latest = (
                    generation, ModelView(latest.view.context.of(worker.artifact), settings: settings)
                )
            }
            return latest.view
        }
    }
}

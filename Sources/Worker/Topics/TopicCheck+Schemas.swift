import Events
import Foundation
import SchemaRegistry

extension TopicCheck {
    /// Registers the schemas of what is published in Avro.
    /// - Returns: `nil` where it is published in JSON.
    /// - Throws: `WorkerError` when the registry refuses one, or gives no answer before the start's deadline.
    func outputSchemas() throws(WorkerError) -> OutputSchemas? {
        guard settings.outputFormat == .avro else { return nil }
        let deadline = ContinuousClock.now + .milliseconds(settings.startupMilliseconds)
        while true {
            do throws(SchemaUnavailable) {
                return try OutputSchemas(
                    registering: RegistryClient(settings.registry), predictions: settings.outputTopic,
                    outcomes: settings.outcomesTopic)
            } catch {
                if error.isRefusal {
                    throw WorkerError(
                        "\(error); let the subject take it, or name another topic under output:")
                }
                guard ContinuousClock.now < deadline else {
                    throw WorkerError(
                        "\(error); output.format: avro needs the registry at the start: check schema_registry")
                }
                Thread.sleep(forTimeInterval: 0.5)
            }
        }
    }
}

import Ensemble
import Events
import NIOCore
import Worker

/// The answers about health: the process lives; it is a member of its group, and all assigned partitions are live.
enum HealthAnswer {
    static let live = ByteBuffer(string: "{\"status\":\"live\"}")

    static func ready(_ status: WorkerStatus, artifact: ModelArtifact) -> (isReady: Bool, json: [UInt8]) {
        let notLive = status.partitions.filter { $0.phase != .live }
        let restored =
            status.partitions.isEmpty
            ? (status.isReady ? 1 : 0)
            : status.partitions.reduce(0) { $0 + ($1.phase == .live ? 1 : $1.restored) }
                / Double(status.partitions.count)
        let json = JSONWriter.text { writer in
            writer.object { writer in
                writer.key("status")
                writer.string(status.isReady ? "ready" : "not ready")
                writer.key("model_loaded")
                writer.bool(true)
                writer.key("model_version")
                writer.string(artifact.manifest.version)
                writer.key("membership")
                writer.string(status.membership.rawValue)
                writer.key("partitions")
                writer.integer(status.partitions.count)
                writer.key("partitions_live")
                writer.integer(status.partitions.count - notLive.count)
                writer.key("restored_percent")
                writer.number((restored * 1000).rounded() / 10)
                writer.key("missing")
                writer.array { writer in
                    if let outage = status.kafka.outage {
                        writer.string(
                            "Kafka has been away for \(Int(outage.seconds)) s; nothing is lost, and the worker goes on by itself: "
                                + outage.reason)
                    }
                    if status.membership == .joining { writer.string("the worker is not a member of its group yet") }
                    for partition in notLive {
                        let percent = Int((partition.restored * 100).rounded(.down))
                        writer.string(
                            "partition \(partition.partition) of \(partition.topic) is \(partition.phase.rawValue), \(percent) %"
                        )
                    }
                }
            }
        }
        return (status.isReady, json)
    }
}

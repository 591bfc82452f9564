import Kafka
import Pipeline

/// A partition of which the group has no committed offset that is in the log.
struct LostOffset {
    /// The committed offset, outside the log; `nil` where there is none.
    let committed: Int64?
    /// Where a new group begins, by `auto.offset.reset`; `nil` where that is an error.
    let reset: Int64?

    /// Where publishing begins.
    struct Decision: Equatable {
        let offset: Int64
        /// What is to be said of it; `nil` where nothing is unusual.
        let warning: String?
    }

    /// Decides where publishing begins.
    /// - Parameter checkpointOffset: of the newest usable checkpoint, which proves how far the group was; `nil` without one.
    /// - Throws: `WorkerError` when only a person can decide.
    func decide(
        _ partition: TopicPartition, checkpointOffset: Int64?, policy: WorkerSettings.LostOffsetPolicy
    ) throws(WorkerError) -> Decision {
        let what =
            committed.map { "\(partition): the group's committed offset \($0) is outside the log" }
            ?? "\(partition): the group has no committed offset"
        switch (policy, checkpointOffset) {
        case (.checkpoint, let offset?):
            return Decision(
                offset: offset,
                warning:
                    "\(what), and the newest checkpoint is of offset \(offset): publishing goes on there; what the group had "
                    + "published beyond it is published again")
        case (.fail, let offset?):
            throw WorkerError(
                "\(what), and the newest checkpoint is of offset \(offset). Set the group's offset "
                    + "(kafka-consumer-groups.sh --reset-offsets), or set recovery.when_offsets_are_gone: checkpoint to go on there"
            )
        case (.checkpoint, nil) where committed != nil, (.fail, nil) where committed != nil:
            throw WorkerError(
                "\(what), and there is no checkpoint to go on from: has the topic been deleted and made anew, or cut? Set the "
                    + "group's offset (kafka-consumer-groups.sh --reset-offsets), use another group, or set "
                    + "recovery.when_offsets_are_gone: reset to begin as a new group does")
        default:
            guard let reset else {
                throw WorkerError("\(what), and auto.offset.reset is error: set the group's offset, or another reset")
            }
            let isNew = committed == nil && checkpointOffset == nil
            return Decision(
                offset: reset,
                warning: isNew
                    ? nil : "\(what): publishing begins at \(reset), as for a new group, and repeats what was published"
            )
        }
    }
}

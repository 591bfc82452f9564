/// Told when partitions come and go.
///
/// All three are called on the polling thread, inside `poll` or `close`. They may use the consumer (commit, position,
/// committed, watermarks, offsets for times), but must not poll, subscribe or close it.
package protocol RebalanceHandler: AnyObject {
    /// These partitions are about to be assigned.
    ///
    /// - Returns: Where to start reading, absolute or logical. A partition that is left out starts at the group's
    ///   committed offset, or where `auto.offset.reset` says.
    func assigned(_ partitions: [TopicPartition], consumer: Consumer) -> [PartitionOffset]

    /// These partitions will be given up on return, but are still owned: this is the time to commit what was
    /// processed. Messages of theirs that were fetched and not yet returned by `poll` are dropped.
    func revoked(_ partitions: [TopicPartition], consumer: Consumer)

    /// These partitions already belong to somebody else: drop their state, commit nothing.
    func lost(_ partitions: [TopicPartition], consumer: Consumer)
}

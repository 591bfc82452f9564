extension History {
    /// A reader of all streams, each in its own order, and of different streams the earliest event first.
    /// - Throws: `HistoryError` when a stream's first file cannot be opened, or its first event is none.
    package func merged() throws(HistoryError) -> MergedReader { try MergedReader(self) }

    /// The events of several streams as those of one.
    ///
    /// Of the streams' next messages the one whose first event has the earliest time comes next, of equal ones that of the first
    /// stream. A message's events stay together. O(streams) an event.
    package final class MergedReader {
        private let readers: [Reader]
        /// The next event of each stream. It stays valid until the stream is read on.
        private var heads: [CustomerEvent?] = []
        /// The stream of the event read last, which has not been read on yet.
        private var current: Int?

        fileprivate init(_ history: History) throws(HistoryError) {
            var readers: [Reader] = []
            for stream in history.streams.indices { readers.append(try history.open(stream: stream)) }
            self.readers = readers
            for reader in readers { heads.append(try reader.next()) }
        }

        /// The next event, `nil` at the end. It borrows: use it before the next call.
        /// - Throws: `HistoryError` naming file, line, field and reason.
        package func next() throws(HistoryError) -> CustomerEvent? {
            if let stream = current {
                let isWithinMessage = !readers[stream].isLastOfMessage
                heads[stream] = try readers[stream].next()
                if isWithinMessage, let event = heads[stream] { return event }
            }
            var earliest: (stream: Int, event: CustomerEvent)?
            for (stream, head) in heads.enumerated() {
                guard let head, earliest == nil || head.time < earliest!.event.time else { continue }
                earliest = (stream, head)
            }
            current = earliest?.stream
            return earliest?.event
        }

        /// Whether the event read last is the last one of its message.
        package var isLastOfMessage: Bool { current.map { readers[$0].isLastOfMessage } ?? true }

        /// How much of the streams has been read; `nil` for a pipe.
        package var share: Double? {
            var sum = 0.0
            for reader in readers {
                guard let share = reader.share else { return nil }
                sum += share
            }
            return sum / Double(readers.count)
        }
    }
}

import Kafka

extension OutputWriter {
    /// Records that the broker has refused for good since the last call.
    struct Refusals {
        /// The first one of them.
        fileprivate(set) var first: KafkaError?
        /// What is to be said of one that would be refused again the next time.
        fileprivate(set) var unresolved: WorkerError?

        /// Whether there are some, and none of them will be sent again as it is.
        var areResolved: Bool { first != nil && unresolved == nil }

        /// These and later ones.
        func followed(by later: Refusals) -> Refusals {
            Refusals(first: first ?? later.first, unresolved: unresolved ?? later.unresolved)
        }
    }

    /// Notes what the broker has refused for good, so that the next attempt deals with it as configured.
    func takeRefusals() -> Refusals {
        poll()
        var refusals = Refusals()
        for record in producer.takeRefused() {
            refusals.first = refusals.first ?? record.error
            if !resolve(record) { refusals.unresolved = refusals.unresolved ?? Self.error(of: record) }
        }
        return refusals
    }

    /// - Returns: whether the record will not be sent again as it was.
    private func resolve(_ record: RefusedRecord) -> Bool {
        guard record.isToBlame else { return false }
        if record.topic == settings.deadLetterTopic {
            guard let place = Self.placeOfLetter(record) else { return false }
            // First it is sent alone, then as a stub. A stub that is refused has something else wrong with it.
            return refused.note(.deadLetter, of: place, reason: record.error.reason) <= 2
        }
        let role: RefusedSources.Record =
            switch record.topic {
            case settings.outcomesTopic: .outcome
            case settings.challengersTopic: .challenger
            default: .prediction
            }
        guard
            [settings.outcomesTopic, settings.outputTopic, settings.featuresTopic, settings.challengersTopic]
                .contains(record.topic),
            let source = record.header("\(PredictionSource.header)"),
            let place = Array(source.utf8).withUnsafeBytes({ PredictionSource($0) })
        else { return false }
        let times = refused.note(
            role,
            of: RefusedSources.Place(
                partition: place.partition, offset: place.offset, line: place.line, scheduled: place.scheduled),
            reason:
                "topic \(record.topic) refuses its \(role == .outcome ? "outcome" : "prediction"): \(record.error.reason)"
        )
        // What is for comparison only keeps nothing else from being published.
        if role == .challenger { return true }
        return times == 1 || settings.whenRefused == .deadLetter
    }

    /// Has the broker take what was produced so far, so that what comes next is alone in its batch, and is alone told of its own
    /// refusal.
    func isolate(_ produce: () throws -> Void) throws {
        try flush()
        try produce()
        try flush()
    }

    private func flush() throws {
        do throws(KafkaError) {
            // A transaction that has failed keeps its records, and says so only when it is to be committed: it is aborted soon.
            try producer.flush(timeoutMilliseconds: commitProtocol.supportsAbort ? isolationTimeout : 30_000)
            isolationTimeout = Self.firstIsolationTimeout
        } catch {
            if commitProtocol.supportsAbort {
                isolationTimeout = min(isolationTimeout * 2, 30_000)
                throw error.requiringAbort
            }
            guard error.remedy == .fatal else { throw error }
            // Nothing can be taken back: new clients begin again at the committed offsets.
            if let unresolved = takeRefusals().unresolved { throw unresolved }
            throw error.abandoned
        }
    }

    private static func placeOfLetter(_ record: RefusedRecord) -> RefusedSources.Place? {
        guard let partition = record.header(DeadLetterHeader.prefix + "partition").flatMap({ Int32($0) }),
            let offset = record.header(DeadLetterHeader.prefix + "offset").flatMap({ Int64($0) })
        else { return nil }
        return RefusedSources.Place(partition: partition, offset: offset, line: nil)
    }

    /// What was refused, why, and what to do.
    private static func error(of record: RefusedRecord) -> WorkerError {
        if let place = placeOfLetter(record) {
            return WorkerError(
                "the dead letter of partition \(place.partition)@\(place.offset) is refused by topic \(record.topic): "
                    + "\(record.error.reason) (\(record.error.name)). Give the topic settings that take any message, such as "
                    + "cleanup.policy=delete, or name another in dead_letters.topic")
        }
        let source = record.header("\(PredictionSource.header)").map { " of \($0)" } ?? ""
        let what =
            "the record\(source) is refused by topic \(record.topic): \(record.error.reason) (\(record.error.name))"
        return WorkerError(
            record.isToBlame
                ? "\(what). Change the topic's settings, or set output.when_refused: dead_letter to go on without such predictions"
                : "\(what). The topic refuses all records alike: see to its settings and to what this client may do there"
        )
    }
}

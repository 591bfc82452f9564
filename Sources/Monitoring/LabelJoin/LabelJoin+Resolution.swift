import Events

/// Resolving pending predictions, by a purchase or by the clock, and the numbers by which predictions are found.
extension LabelJoin {
    /// Prefetch distance along a customer's chain, in predictions.
    private static let chainDistance = 4

    /// Resolves the customer's pending predictions of other invoices that a purchase line decides, and relinks the rest.
    mutating func resolveOlder(_ slot: Int, _ event: Event, _ onOutcome: OutcomeHandler) rethrows {
        let time = event.time
        let (latest, resolved) = (customers[slot].older, max(customers[slot].resolvedUpTo, first))
        var at = latest
        var kept = 0
        customers[slot].older = 0
        while at > resolved {
            let candidate = self[at - 1]
            let steps = Int(candidate.previous)
            // Predictions of one invoice are about equally far apart.
            prefetch(at - 1 - Self.chainDistance * steps)
            if candidate.label.isPending {
                let isBought =
                    candidate.invoiceHash != event.invoiceHash && candidate.time < time
                    && time <= candidate.time + horizon
                if isBought {
                    try resolve(at - 1, .bought, at: time, by: event.offset, onOutcome)
                } else {
                    if kept == 0 { customers[slot].older = at } else { link(kept, to: at) }
                    kept = at
                }
            }
            at = steps == 0 ? 0 : at - steps
        }
        if kept != 0 { link(kept, to: 0) } else { customers[slot].resolvedUpTo = latest }
    }

    /// Resolves the predictions whose horizon has passed, in log order, and removes chunks that have left the window.
    /// - Parameter offset: of the event that moved the clock.
    mutating func expire(_ offset: Int64, _ onOutcome: OutcomeHandler) rethrows {
        progress.isBlocked = false
        progress.expiredAt = progress.clock.time
        while progress.expiryCursor < end {
            let candidate = self[progress.expiryCursor]
            if candidate.label == .pending {
                guard progress.clock.time > candidate.time + horizon else {
                    progress.isBlocked = true
                    break
                }
                try resolve(progress.expiryCursor, .notBought, at: nil, by: offset, onOutcome)
            }
            progress.expiryCursor += 1
        }
        while let next = progress.deferred.next, progress.clock.time > next.time + horizon {
            try resolve(next.number, .notBought, at: nil, by: offset, onOutcome)
        }
        while chunks.count > 1, isPast(chunks[0]) { removeFirstChunk() }
    }

    /// Whether a chunk's predictions have left the window, or are too far ahead to be ever in it together with others of now.
    private func isPast(_ chunk: PredictionChunk) -> Bool {
        let window = evaluatedTimes
        if chunk.latestTime < window.lowerBound { return chunk.pending == 0 }
        let farAhead = progress.clock.time + horizon + self.window
        guard chunk.latestTime > farAhead else { return false }
        return (0..<chunk.count).allSatisfy { place in
            let its = chunk.case(at: place)
            return its.time > farAhead || (its.time < window.lowerBound && !its.label.isPending)
        }
    }

    private mutating func resolve(
        _ number: Int, _ label: LabeledPrediction.Label, at time: Int64?, by offset: Int64, _ onOutcome: OutcomeHandler
    ) rethrows {
        if number == progress.expiryCursor { progress.isBlocked = false }
        let (chunk, place) = place(of: number)
        let its = chunks[chunk].case(at: place)
        if number < journal.loggedBelow { journal.log(number, its) }
        if its.label == .deferred { progress.deferred.remove(number, time: its.time) }
        chunks[chunk].resolve(place, label)
        // Whose predictions nobody was given has no outcomes either.
        if progress.hasShadows, progress.versions[Int(chunks[chunk][place].version)].isShadow { return }
        try onOutcome(label == .bought, offset) { Outcome(prediction: chunks[chunk][place], boughtAt: time) }
    }

    private mutating func removeFirstChunk() {
        if first < journal.loggedBelow { journal.log(removed: chunks[0]) }
        progress.count -= chunks[0].count
        if progress.hasShadows {
            progress.shadows -= chunks[0].predictions.count { progress.versions[Int($0.version)].isShadow }
        }
        chunks.removeFirst()
        let removed = progress.removed
        progress.removed = (removed.isEmpty ? progress.firstChunk : removed.lowerBound)..<(progress.firstChunk + 1)
        progress.firstChunk += 1
        progress.deferred.removeAll(before: first)
        progress.expiryCursor = max(progress.expiryCursor, first)
    }

    /// Event times of the predictions that are evaluated: the horizon has passed, and the window has not.
    ///
    /// A label that is known before the horizon is over is always `bought`. Including it would bias every metric.
    var evaluatedTimes: Range<Int64> {
        let end = progress.clock.time - horizon
        return (end - window)..<end
    }

    // MARK: Numbers

    /// Number of the first prediction kept.
    var first: Int { progress.firstChunk * PredictionChunk.limit }
    /// Number of the next prediction.
    var end: Int { first + progress.count }

    /// The customer's slot, created if there is none; valid until the next call.
    @inline(__always)
    mutating func slot(of customerHash: UInt64, _ invoiceHash: UInt64) -> Int {
        if customers.isFull {
            if journal.logsSlots { journal.keep(customers) }
            customers.makeRoom(after: first)
        }
        let slot = customers.find(customerHash)
        if journal.logsSlots { journal.log(slot, customers[slot]) }
        customers.claim(slot, customerHash, invoiceHash: invoiceHash)
        return slot
    }

    private subscript(number: Int) -> PredictionChunk.Case {
        let (chunk, place) = place(of: number)
        return chunks.withUnsafeBufferPointer { $0[chunk].case(at: place) }
    }

    /// Index of the chunk and place in it. The chunk may have been removed, or may not exist yet.
    func place(of number: Int) -> (chunk: Int, place: Int) {
        let shift = PredictionChunk.limit.trailingZeroBitCount
        return (number >> shift - progress.firstChunk, number & (PredictionChunk.limit - 1))
    }

    /// Prefetches a prediction, if there is one of that number.
    func prefetch(_ number: Int) {
        let (chunk, place) = place(of: number)
        chunks.withUnsafeBufferPointer { chunks in
            if chunks.indices.contains(chunk) { chunks[chunk].prefetch(place) }
        }
    }

    /// Sets which prediction comes before another one in its chain. Both are given as number plus one; 0 ends the chain.
    private mutating func link(_ prediction: Int, to previous: Int) {
        let steps = previous == 0 ? 0 : UInt32(prediction - previous)
        let before = self[prediction - 1]
        guard before.previous != steps else { return }
        if prediction - 1 < journal.loggedBelow { journal.log(prediction - 1, before) }
        let (chunk, place) = place(of: prediction - 1)
        chunks[chunk].link(place, back: steps)
    }
}

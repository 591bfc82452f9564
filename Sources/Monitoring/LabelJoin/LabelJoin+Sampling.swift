/// The bound on memory: dropping customers.
extension LabelJoin {
    /// Drops half of the customers, those with the higher hashes. Who stays depends on the log alone, so that every owner of
    /// the partition decides alike.
    /// - Complexity: O(predictions).
    mutating func sample() {
        journal.keep(chunks, customers)
        progress.sampledBelow /= 2
        var remaining = Array(chunks.reversed())
        removeAll()
        // Each chunk's memory is released before the next one is read.
        while let chunk = remaining.popLast() {
            for prediction in chunk.predictions where prediction.customerHash >> 32 < progress.sampledBelow {
                readd(prediction)
            }
        }
    }

    /// Removes all predictions. Their numbers are not used again.
    mutating func removeAll() {
        let gone = progress.firstChunk..<(progress.firstChunk + chunks.count)
        progress.removed = progress.removed.isEmpty ? gone : progress.removed.lowerBound..<gone.upperBound
        progress.firstChunk = gone.upperBound
        chunks = []
        (progress.count, progress.shadows) = (0, 0)
        customers = PendingPredictions()
        progress.expiryCursor = first
        progress.isBlocked = false
        progress.deferred = DeferredPredictions()
        progress.expiredAt = 0
    }

    /// Adds a prediction from before a sampling or restart, in log order.
    mutating func readd(_ prediction: LabeledPrediction) {
        var its = PredictionChunk.Case(of: prediction)
        // An earlier version of the program deferred nothing.
        if its.label == .pending, its.time > progress.clock.time + horizon {
            its = PredictionChunk.Case(time: its.time, invoiceHash: its.invoiceHash, label: .deferred)
        }
        if its.label.isPending {
            let slot = slot(of: prediction.customerHash, prediction.invoiceHash)
            customers[slot].begin(prediction.invoiceHash)
            its.previous = customers[slot].add(end + 1)
        }
        append(its, PredictionChunk.Content(of: prediction))
    }
}

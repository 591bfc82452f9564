import Testing

@testable import Monitoring

extension LabelJoin {
    /// Checks what must hold after every operation.
    /// - Complexity: O(predictions + customers).
    func checkInvariants(_ comment: @autoclosure () -> Comment, sourceLocation: SourceLocation = #_sourceLocation) {
        var failed: [String] = []
        func check(_ condition: Bool, _ what: String) { if !condition { failed.append(what) } }

        check(chunks.dropLast().allSatisfy { $0.count == PredictionChunk.limit }, "a chunk before the last is not full")
        check(chunks.last.map { $0.count > 0 } ?? true, "the last chunk is empty")
        check(progress.count == chunks.reduce(0) { $0 + $1.count }, "count")
        for chunk in chunks {
            check(chunk.pending == chunk.predictions.count { $0.label.isPending }, "a chunk's pending count")
            check(chunk.latestTime == chunk.predictions.map(\.time).max(), "a chunk's latest time")
        }
        let offsets = evaluationSnapshot.predictions.map(\.offset)
        check(zip(offsets, offsets.dropFirst()).allSatisfy { $0 < $1 }, "predictions are not in log order")
        check(offsets.last.map { $0 < nextOffset } ?? true, "a prediction beyond the next offset")
        check(progress.removed.isEmpty || progress.removed.upperBound <= progress.firstChunk, "a kept chunk is removed")
        check((first...end).contains(progress.expiryCursor), "the expiry cursor is outside the predictions")
        checkChains(check)
        #expect(failed.isEmpty, comment(), sourceLocation: sourceLocation)
    }

    /// Every pending prediction is in its customer's chain, and the expiry cursor has not passed it.
    private func checkChains(_ check: (Bool, String) -> Void) {
        var table = customers
        var pending: [Int: UInt64] = [:]
        var deferred: [DeferredPredictions.Entry] = []
        for (index, prediction) in evaluationSnapshot.predictions.enumerated() where prediction.label.isPending {
            pending[first + index] = max(prediction.customerHash, 1)
            if prediction.label == .deferred {
                deferred.append(DeferredPredictions.Entry(time: prediction.time, number: first + index))
            } else {
                check(first + index >= progress.expiryCursor, "a pending prediction before the expiry cursor")
            }
        }
        deferred.sort { ($0.time, $0.number) < ($1.time, $1.number) }
        check(deferred[...] == progress.deferred.entries, "the list of deferred predictions")
        var used = 0
        for slot in 0..<customers.capacity where customers[slot].customerHash != 0 {
            let chains = customers[slot]
            used += 1
            check(table.find(chains.customerHash) == slot, "a customer whose slot is not found")
            for head in [chains.current, chains.older] {
                var at = head
                while at > max(chains.resolvedUpTo, first) {
                    check(at <= end, "a chain leads beyond the last prediction")
                    let (chunk, place) = place(of: at - 1)
                    let its = chunks[chunk][place]
                    check(max(its.customerHash, 1) == chains.customerHash, "a chain leads to another customer")
                    if pending[at - 1] == chains.customerHash { pending[at - 1] = nil }
                    let steps = Int(chunks[chunk].case(at: place).previous)
                    at = steps == 0 ? 0 : at - steps
                }
            }
        }
        check(used == customers.count, "number of customers")
        check(customers.count * 2 <= customers.capacity, "the table is too full")
        check(pending.isEmpty, "\(pending.count) pending predictions are in no chain")
    }
}

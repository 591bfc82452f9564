import Monitoring

extension Worker {
    /// The labeled and pending predictions of the partitions that are assigned here, as their threads have them now.
    ///
    /// `status.grades` offers figures of them that may be minutes old; this is for whoever needs them complete.
    ///
    /// - Throws: `QueryError` if a thread does not answer in time, or none is running.
    /// - Complexity: Copies no prediction.
    package func labeledPredictions() async throws -> [EvaluationSnapshot] {
        try await askAll { .observations(reply: $0) }.flatMap(\.labelJoins)
    }
}

/// What stands beside a partition's committed offset, and is committed with it: who published what, and how far the schedule was.
package struct CommitNote: Equatable, Sendable {
    /// Which models have scored the messages before the offset.
    package var models = ModelHistory()
    /// How far an instant of the schedule was that had become due and was not done; `nil` where none was.
    package var rescored: RescoringSchedule.Cursor?

    private static let rescoredMark = "rescored"

    /// Nothing to be noted.
    package init(models: ModelHistory = ModelHistory(), rescored: RescoringSchedule.Cursor? = nil) {
        self.models = models
        self.rescored = rescored
    }

    /// Reads a note; empty where there is none, or somebody else's.
    package init(_ text: String) {
        var words = text.split(separator: " ")
        if words.count >= 2, words[words.count - 2] == Self.rescoredMark {
            let parts = words[words.count - 1].split(separator: "@")
            guard parts.count == 2, let bucket = Int(parts[0]), let instant = Int64(parts[1]),
                (0..<RescoringSchedule.buckets).contains(bucket)
            else { return }
            rescored = RescoringSchedule.Cursor(instant: instant, bucket: bucket)
            words.removeLast(2)
        }
        models = ModelHistory(note: words.joined(separator: " "))
    }

    /// The note as it is committed.
    package var text: String {
        let words = [models.note, rescored.map { "\(Self.rescoredMark) \($0.bucket)@\($0.instant)" } ?? ""]
        return words.filter { !$0.isEmpty }.joined(separator: " ")
    }
}

import Pipeline
import Testing

/// Which model has published what, as it stands beside the committed offset.
@Suite struct ModelHistoryTests {
    @Test func tellsWhoScoredAMessage() {
        var history = ModelHistory()
        #expect(history.mix(at: 5) == nil && history.note == "")
        history.use("a", from: 10)
        history.use("a", from: 20)
        history.use("b", from: 30)
        history.use("a", from: 40)
        #expect(history.note == "models a@10 b@30 a@40")
        #expect([9, 10, 29, 30, 39, 40].map { history.mix(at: $0) } == [nil, "a", "a", "b", "b", "a"])
        #expect([0, 10, 30, 40].map { history.nextChange(after: $0) } == [10, 30, 40, nil])
        #expect(ModelHistory(note: history.note) == history)
        // Taken back to before a change.
        history.use("c", from: 35)
        #expect(history.note == "models a@10 b@30 c@35")
        history.use("b", from: 30)
        #expect(history.note == "models a@10 b@30")
    }

    @Test(arguments: [
        "", "models", "somebody's", "models a", "models @5", "models ../a@5", "models a\u{0}b@5", "models a b@5",
        "models a@", "models a@-1", "models a@x", "models a@5 b@5",
        "models a@5 b@4", "models a@99999999999999999999",
        "models " + (0..<25).map { "a@\($0)" }.joined(separator: " "),
    ])
    func whatIsNoNoteOfOursIsNone(note: String) { #expect(ModelHistory(note: note) == ModelHistory()) }

    @Test func aNoteHasRoomBesideAnOffset() {
        var history = ModelHistory()
        for change in 0..<1000 { history.use("\(change % 2)", from: Int64(change)) }
        #expect(history.changes.count == 24 && history.mix(at: 999) == "1" && history.mix(at: 0) == nil)
        for change in 1000..<1100 {
            history.use(String(repeating: "v", count: 190) + "\(change)", from: Int64(change))
        }
        let read = ModelHistory(note: history.note)
        #expect(history.note.utf8.count < 4096 && read.changes.count == 19)
        #expect(read.changes == Array(history.changes.suffix(19)))
    }
}

/// Which models published a partition's predictions, from which offset on.
///
/// It stands beside the group's committed offset and is committed with it, so that whoever rebuilds state from an earlier
/// checkpoint scores and grades every message by the version that published its prediction.
package struct ModelHistory: Equatable, Sendable {
    /// Models, and the first message that they scored.
    package struct Change: Equatable, Sendable {
        /// Offset of the message.
        package let offset: Int64
        /// As text of a `ModelMix`.
        package let mix: String
    }

    /// Most changes that are kept, so that a note has room beside a committed offset (4096 bytes).
    static let limit = 24
    /// Begins a note; another layout would have another word.
    private static let mark = "models"
    private static let longestNote = 3900

    /// By ascending offset, and each of other models than the one before.
    package private(set) var changes: [Change] = []

    /// Nothing is known.
    package init() {}

    /// Reads a note beside a committed offset; empty where there is none, or somebody else's.
    package init(note: String) {
        let words = note.split(separator: " ")
        guard words.first.map(String.init) == Self.mark, words.count <= Self.limit + 1 else { return }
        var changes: [Change] = []
        for word in words.dropFirst() {
            guard let at = word.lastIndex(of: "@"), let offset = Int64(word[word.index(after: at)...]), offset >= 0,
                ModelMix(word[..<at]) != nil, changes.last.map({ $0.offset < offset }) ?? true
            else { return }
            changes.append(Change(offset: offset, mix: String(word[..<at])))
        }
        self.changes = changes
    }

    /// The note beside a committed offset, with as many of the latest changes as there is room for.
    package var note: String {
        var words: [String] = []
        var room = Self.longestNote
        for change in changes.reversed() {
            let word = "\(change.mix)@\(change.offset)"
            room -= word.utf8.count + 1
            guard room > 0 else { break }
            words.append(word)
        }
        return words.isEmpty ? "" : ([Self.mark] + words.reversed()).joined(separator: " ")
    }

    /// The models that scored a message; `nil` where that is not known.
    package func mix(at offset: Int64) -> String? { changes.last { $0.offset <= offset }?.mix }

    /// The first offset behind this one that others scored; `nil` where there is none.
    package func nextChange(after offset: Int64) -> Int64? { changes.first { $0.offset > offset }?.offset }

    /// Models score the messages from an offset on.
    package mutating func use(_ mix: String, from offset: Int64) {
        changes.removeAll { $0.offset >= offset }
        guard changes.last?.mix != mix else { return }
        changes.append(Change(offset: offset, mix: mix))
        if changes.count > Self.limit { changes.removeFirst() }
    }
}

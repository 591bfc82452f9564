/// What stands in a message, value by value, for finding out where a shop's fields are.
package struct MessageOutline: Sendable {
    /// A value that is neither object nor array.
    package struct Value: Sendable {
        /// Its path from the object that paths begin at, or from the line that it is in.
        package let path: String
        /// Whether it stands in a line.
        package let isInLine: Bool
        /// How it is written.
        package let kind: EventFields.Kind
        /// What is written, at most `MessageOutline.textLimit` bytes of it.
        package let text: String
    }

    /// Longest text of a value, in bytes.
    package static let textLimit = 256
    /// Most values of a message.
    static let valueLimit = 4096
    /// Most lines of a message that are looked into.
    static let lineLimit = 100

    /// The values, in the order of the message; those of the order first, then line by line.
    package fileprivate(set) var values: [Value] = []
    /// How many lines were looked into.
    package fileprivate(set) var lines = 0
    /// Whether it has more values than were looked at.
    package fileprivate(set) var isCut = false
    /// Paths of the arrays of objects: each might hold an order's lines.
    package fileprivate(set) var arrays: [String] = []
    /// The envelope that the message looks like, where none is configured.
    package fileprivate(set) var envelope: EventFormat.Envelope?
}

/// Reads messages' outlines. Belongs to one thread.
package final class OutlineReader {
    private let format: EventFormat
    private let texts = TextMemory()
    private let reader: StructuredReader

    /// A reader of messages in a format, of which the fields do not matter.
    package init(_ format: EventFormat) {
        self.format = format
        reader = StructuredReader(format, texts: texts, readsEverything: true)
    }

    /// What stands in a message; nothing for one that says nothing that counts.
    /// - Throws: `EventError` for a message that is not in the format's codec, framing and envelope.
    package func outline(of message: UnsafeRawBufferPointer) throws(EventError) -> MessageOutline {
        texts.forget()
        var outline = MessageOutline()
        guard let root = try reader.readContent(message) else { return outline }
        if format.envelope == .none { outline.envelope = MessageShape.envelope(of: reader.tree)?.value }
        var lines: Int?
        if let path = format.lines, case .found(let array) = reader.tree.find(path, from: root) { lines = array }
        add(root, [], isInLine: false, besides: lines, to: &outline)
        guard let lines, reader.tree.nodes[lines].kind == .array else { return outline }
        reader.tree.forEachChild(of: lines) { line in
            add(line, [], isInLine: true, besides: nil, to: &outline)
            outline.lines += 1
            return outline.lines < MessageOutline.lineLimit
        }
        return outline
    }

    private func add(
        _ parent: Int, _ path: [String], isInLine: Bool, besides lines: Int?, to outline: inout MessageOutline
    ) {
        var place = 0
        reader.tree.forEachChild(of: parent) { child in
            let node = reader.tree.nodes[child]
            let step = reader.tree.nodes[parent].kind == .array ? "[\(place)]" : Self.step(node.name)
            place += 1
            guard child != lines, step != "" else { return true }
            let here = path + [step]
            switch node.kind {
            case .object: add(child, here, isInLine: isInLine, besides: lines, to: &outline)
            case .array:
                if child + 1 < node.end, reader.tree.nodes[child + 1].kind == .object {
                    if !isInLine { outline.arrays.append(Self.joined(here)) }
                } else {
                    add(child, here, isInLine: isInLine, besides: lines, to: &outline)
                }
            default:
                outline.values.append(
                    MessageOutline.Value(
                        path: Self.joined(here), isInLine: isInLine, kind: Self.kind(node.kind), text: text(node)))
            }
            if outline.values.count >= MessageOutline.valueLimit { outline.isCut = true }
            return !outline.isCut
                // Of an array of values the first one stands for all.
                && reader.tree.nodes[parent].kind != .array
        }
    }

    private static func step(_ name: UnsafeRawBufferPointer) -> String {
        FieldPath.escaped(String(decoding: name, as: UTF8.self))
    }

    private static func joined(_ steps: [String]) -> String {
        steps.joined(separator: ".").replacing(".[", with: "[")
    }

    private static func kind(_ kind: MessageTree.Kind) -> EventFields.Kind {
        switch kind {
        case .string, .escapedString: .string
        case .number: .number
        case .instant: .instant
        case .null: .null
        case .flag, .object, .array: .other
        }
    }

    private func text(_ node: MessageTree.Node) -> String {
        let bytes = node.kind == .escapedString ? texts.unescaped(node.bytes) : node.bytes
        return printable(UnsafeRawBufferPointer(rebasing: bytes.prefix(MessageOutline.textLimit)))
    }
}

extension FieldPath {
    /// The name of a member as it is written in a path.
    package static func escaped(_ name: String) -> String {
        var text = name.replacing("\\", with: "\\\\").replacing(".", with: "\\.").replacing("[", with: "\\[")
        // A name of its own that looks like the mark of the root.
        if text == "$" { text = "\\$" }
        return text
    }
}

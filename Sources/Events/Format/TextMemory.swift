/// Memory for texts that events borrow and that do not stand in their messages as they are. Belongs to one thread.
final class TextMemory {
    /// Only the last piece has free room.
    private var pieces: [UnsafeMutableRawBufferPointer] = []
    private var used = 0
    private static let pieceBytes = 1 << 16

    deinit { for piece in pieces { piece.deallocate() } }

    /// Frees all texts.
    @inline(__always)
    func forget() {
        used = 0
        if pieces.count > 1 { freePieces() }
    }

    private func freePieces() {
        for piece in pieces.dropLast() { piece.deallocate() }
        pieces.removeFirst(pieces.count - 1)
    }

    /// A JSON string's content with its escapes resolved.
    func unescaped(_ raw: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        // Resolving escapes never makes a text longer.
        take(upTo: raw.count) { JSONCursor.unescape(raw, into: $0) }
    }

    /// A copy of a text.
    func copy(_ text: some Collection<UInt8>) -> UnsafeRawBufferPointer {
        take(upTo: text.count) { room in
            room.copyBytes(from: text)
            return text.count
        }
    }

    /// A text that `body` writes.
    /// - Parameters:
    ///   - count: the most bytes that it may have.
    ///   - body: returns how many it has.
    func take(upTo count: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int) -> UnsafeRawBufferPointer {
        // A piece is neither moved nor freed while a text in it may be in use.
        if pieces.isEmpty || pieces[pieces.count - 1].count - used < count {
            pieces.append(.allocate(byteCount: max(Self.pieceBytes, count), alignment: 1))
            used = 0
        }
        let room = UnsafeMutableRawBufferPointer(rebasing: pieces[pieces.count - 1][used...])
        let written = body(room)
        used += written
        return UnsafeRawBufferPointer(rebasing: room[..<written])
    }
}

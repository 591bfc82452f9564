/// Whether an object may have two members of one name.
package enum RepeatedNames {
    /// The caller decides, or does not mind.
    case allowed
    /// An error, however the names are escaped.
    case refused
}

/// Walking through objects and arrays.
extension JSONCursor {
    /// A member's name, as it stands in the text.
    package struct Name {
        /// The bytes between the quotes.
        package let raw: UnsafeRawBufferPointer
        /// Whether `raw` has escapes.
        package let isEscaped: Bool
        /// The position behind the closing quote.
        fileprivate let end: Int

        /// The name with its escapes resolved.
        package var bytes: [UInt8] { isEscaped ? JSONCursor.unescaped(raw) : Array(raw) }

        /// The name with its escapes resolved; invalid UTF-8 is repaired.
        package var text: String {
            isEscaped ? String(decoding: bytes, as: UTF8.self) : String(decoding: raw, as: UTF8.self)
        }
    }

    /// Passes over an object and calls `member` for each member in order. The cursor is on the object's brace, and in each
    /// call on the first byte of the member's value, which `member` must pass over.
    /// - Throws: `EventError` for anything but a well-formed object, and whatever `member` throws.
    /// - Complexity: O(bytes).
    @inline(__always)
    package mutating func forEachMember(
        repeatedNames: RepeatedNames = .allowed,
        _ member: (_ name: Name, _ value: inout JSONCursor) throws(EventError) -> Void
    ) throws(EventError) {
        guard skip("{") else { throw error("expected an object") }
        skipSpace()
        if skip("}") { return }
        var seen = repeatedNames == .refused ? NameSet() : nil
        repeat {
            skipSpace()
            let (raw, isEscaped) = try string()
            let name = Name(raw: raw, isEscaped: isEscaped, end: at)
            if seen?.insert(name) == false { throw repeated(name) }
            try expectColon()
            skipSpace()
            try member(name, &self)
            skipSpace()
        } while skip(",")
        guard skip("}") else { throw error("expected , or }") }
    }

    /// Passes over an array and calls `element` for each element in order. The cursor is on the array's bracket, and in each
    /// call on the first byte of the element, which `element` must pass over.
    /// - Throws: `EventError` for anything but a well-formed array, and whatever `element` throws.
    /// - Complexity: O(bytes).
    @inline(__always)
    package mutating func forEachElement(
        _ element: (_ element: inout JSONCursor) throws(EventError) -> Void
    ) throws(EventError) {
        guard skip("[") else { throw error("expected an array") }
        skipSpace()
        if skip("]") { return }
        repeat {
            skipSpace()
            try element(&self)
            skipSpace()
        } while skip(",")
        guard skip("]") else { throw error("expected , or ]") }
    }

    /// The error for a second member of one name. Moves the cursor back to behind the name, where the error is.
    package mutating func repeated(_ name: Name) -> EventError {
        at = name.end
        return error("\"\(name.text.prefix(80))\" stands twice in one object")
    }
}

/// The names of one object. A few are compared with one another, without allocating; more are kept in a set.
private struct NameSet {
    private static let fewNames = 16

    private var few: InlineArray<16, UnsafeRawBufferPointer> = InlineArray(
        repeating: UnsafeRawBufferPointer(start: nil, count: 0))
    private var count = 0
    private var many: Set<[UInt8]> = []

    /// - Returns: false if the name is in the set already.
    mutating func insert(_ name: JSONCursor.Name) -> Bool {
        if many.isEmpty, !name.isEscaped, count < Self.fewNames {
            for place in 0..<count where few[place].hasSameBytes(as: name.raw) { return false }
            few[count] = name.raw
            count += 1
            return true
        }
        if many.isEmpty { for place in 0..<count { many.insert(Array(few[place])) } }
        return many.insert(name.bytes).inserted
    }
}

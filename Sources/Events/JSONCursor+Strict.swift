/// Passing over values as strictly as a service must that anybody may talk to: nested no deeper than told, and no name
/// twice in one object, however it is written.
extension JSONCursor {
    /// Names that are compared with one another; more of them are kept in a set.
    private static let fewNames = 16

    /// Passes over a value of any kind and checks it.
    /// - Parameter levels: how many levels of objects and arrays it may have.
    /// - Complexity: O(bytes).
    package mutating func skipValueStrictly(levels: Int) throws(EventError) {
        skipSpace()
        switch current {
        case nil: throw error("ends too early")
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "{"):
            guard levels > 0 else { throw error("nested too deep") }
            try skipObjectStrictly(levels: levels)
        case UInt8(ascii: "["):
            guard levels > 0 else { throw error("nested too deep") }
            at += 1
            skipSpace()
            if skip("]") { return }
            repeat {
                try skipValueStrictly(levels: levels - 1)
                skipSpace()
            } while skip(",")
            guard skip("]") else { throw error("expected , or ]") }
        case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"): try literal()
        default: _ = try number()
        }
    }

    private mutating func skipObjectStrictly(levels: Int) throws(EventError) {
        at += 1
        skipSpace()
        if skip("}") { return }
        var few: InlineArray<16, UnsafeRawBufferPointer> = InlineArray(
            repeating: UnsafeRawBufferPointer(start: nil, count: 0))
        var count = 0
        var many: Set<[UInt8]> = []
        repeat {
            skipSpace()
            let (name, isEscaped) = try string()
            if many.isEmpty, !isEscaped, count < Self.fewNames {
                for place in 0..<count where few[place].hasSameBytes(as: name) { throw twice(name) }
                few[count] = name
                count += 1
            } else {
                if many.isEmpty { for place in 0..<count { many.insert(Array(few[place])) } }
                let bytes = isEscaped ? Self.unescaped(name) : Array(name)
                guard many.insert(bytes).inserted else { throw twice(name) }
            }
            try expectColon()
            try skipValueStrictly(levels: levels - 1)
            skipSpace()
        } while skip(",")
        guard skip("}") else { throw error("expected , or }") }
    }

    private func twice(_ name: UnsafeRawBufferPointer) -> EventError {
        error("\"\(printable(UnsafeRawBufferPointer(rebasing: name.prefix(80))))\" stands twice in one object")
    }

    /// A checked string's content with its escapes resolved.
    package static func unescaped(_ raw: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: raw.count) { buffer, count in
            count = unescape(raw, into: UnsafeMutableRawBufferPointer(buffer))
        }
    }
}

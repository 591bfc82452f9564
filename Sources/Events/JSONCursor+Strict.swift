/// Passing over values as strictly as a service must that anybody may send bytes to.
extension JSONCursor {
    /// Passes over a value of any kind and checks it, including that no object has two members of one name.
    /// - Parameter levels: how many levels of objects and arrays the value may have.
    /// - Throws: `EventError` for a value that is malformed, nested too deep or repeats a name.
    /// - Complexity: O(bytes).
    package mutating func skipValueStrictly(levels: Int) throws(EventError) {
        skipSpace()
        switch current {
        case nil: throw error("ends too early")
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "{"):
            guard levels > 0 else { throw error("nested too deep") }
            try forEachMember(repeatedNames: .refused) { _, value throws(EventError) in
                try value.skipValueStrictly(levels: levels - 1)
            }
        case UInt8(ascii: "["):
            guard levels > 0 else { throw error("nested too deep") }
            try forEachElement { element throws(EventError) in try element.skipValueStrictly(levels: levels - 1) }
        case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"): try literal()
        default: _ = try number()
        }
    }
}

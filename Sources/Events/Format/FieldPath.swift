/// Where a value stands in a message: names of members and places in arrays, as in `payload.after.items[0].sku`.
///
/// A literal dot, bracket or backslash in a name is written with a backslash before it: `order\.id`. A path that begins with
/// `$.` is looked up from the message's root, also where the message's lines are read one by one.
package struct FieldPath: Sendable, Equatable, CustomStringConvertible {
    /// A step on the way to a value.
    package enum Step: Sendable, Equatable {
        /// Into an object's member.
        case member([UInt8])
        /// Into an array's element, counted from 0.
        case element(Int)
    }

    /// The steps from the root, or from a line.
    package let steps: [Step]
    /// Whether the path begins with `$.`.
    package let isFromRoot: Bool
    /// The path as it was written.
    package let description: String

    /// - Returns: `nil` for an empty path, an empty name, and a bracket without a number in it.
    package init?(_ text: String) {
        description = text
        var rest = Array(text.utf8)[...]
        isFromRoot = rest.starts(with: Array("$.".utf8))
        if isFromRoot { rest = rest.dropFirst(2) }
        var steps: [Step] = []
        var name: [UInt8] = []
        var isNameExpected = true
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\\"):
                guard let escaped = rest.popFirst() else { return nil }
                name.append(escaped)
            case UInt8(ascii: "."):
                guard !name.isEmpty || !isNameExpected else { return nil }
                if !name.isEmpty { steps.append(.member(name)) }
                (name, isNameExpected) = ([], true)
            case UInt8(ascii: "["):
                if !name.isEmpty { steps.append(.member(name)) }
                name = []
                guard let end = rest.firstIndex(of: UInt8(ascii: "]")),
                    let place = Int(String(decoding: rest[rest.startIndex..<end], as: UTF8.self)), place >= 0
                else { return nil }
                steps.append(.element(place))
                rest = rest[(end + 1)...]
                isNameExpected = false
                if let next = rest.first, next != UInt8(ascii: "."), next != UInt8(ascii: "[") { return nil }
            default:
                name.append(byte)
            }
        }
        if !name.isEmpty { steps.append(.member(name)) } else if isNameExpected { return nil }
        self.steps = steps
    }

    /// The name, if the path is a single one.
    package var name: [UInt8]? {
        guard !isFromRoot, steps.count == 1, case .member(let name) = steps[0] else { return nil }
        return name
    }
}

/// A message's values as a tree, whatever it was written in. The bytes are borrowed from the message and from `TextMemory`.
///
/// The nodes stand in one array, each before its children.
struct MessageTree {
    enum Kind: Equatable {
        case object
        case array
        /// Text without escapes.
        case string
        /// JSON text with escapes.
        case escapedString
        /// A number as written in JSON.
        case number
        /// An instant in milliseconds since 1970, as a number.
        case instant
        /// `true` or `false`.
        case flag
        case null
    }

    struct Node {
        let kind: Kind
        /// The member's name; empty in an array.
        let name: UnsafeRawBufferPointer
        /// The value as written: an object's or array's too, where the message is text.
        var bytes: UnsafeRawBufferPointer
        /// The index behind the node's last descendant.
        var end: Int
    }

    private(set) var nodes: [Node] = []

    mutating func removeAll() { nodes.removeAll(keepingCapacity: true) }

    /// Appends a value without children.
    mutating func append(_ kind: Kind, name: UnsafeRawBufferPointer, _ bytes: UnsafeRawBufferPointer) {
        nodes.append(Node(kind: kind, name: name, bytes: bytes, end: nodes.count + 1))
    }

    /// Begins an object or array; what is appended until `close` are its children.
    /// - Returns: its index.
    mutating func open(_ kind: Kind, name: UnsafeRawBufferPointer) -> Int {
        append(kind, name: name, UnsafeRawBufferPointer(start: nil, count: 0))
        return nodes.count - 1
    }

    mutating func close(_ index: Int, _ bytes: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)) {
        nodes[index].end = nodes.count
        nodes[index].bytes = bytes
    }

    /// The indices of a node's children, in order.
    func forEachChild(of index: Int, _ body: (Int) -> Bool) {
        var child = index + 1
        while child < nodes[index].end {
            guard body(child) else { return }
            child = nodes[child].end
        }
    }

    enum Lookup {
        case found(Int)
        case absent
        /// A name on the way stands twice in its object.
        case ambiguous
    }

    /// The value at the end of a path. A path through no value leads to no value.
    func find(_ path: FieldPath, from root: Int) -> Lookup {
        var at = root
        for step in path.steps {
            var found: Int?
            var isAmbiguous = false
            if nodes[at].kind == .null { return .found(at) }
            switch step {
            case .member(let name):
                guard nodes[at].kind == .object else { return .absent }
                forEachChild(of: at) { child in
                    guard nodes[child].name.hasSameBytes(as: name) else { return true }
                    isAmbiguous = found != nil
                    found = child
                    return !isAmbiguous
                }
            case .element(var place):
                guard nodes[at].kind == .array else { return .absent }
                forEachChild(of: at) { child in
                    if place == 0 { found = child }
                    place -= 1
                    return place >= 0
                }
            }
            if isAmbiguous { return .ambiguous }
            guard let next = found else { return .absent }
            at = next
        }
        return .found(at)
    }
}

extension UnsafeRawBufferPointer {
    func hasSameBytes(as other: [UInt8]) -> Bool {
        count == other.count && other.withUnsafeBytes { hasSameBytes(as: $0) }
    }
}

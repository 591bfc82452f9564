import Yams

/// Collects the leaves of a YAML document, and what is wrong with its shape.
struct YAMLLeaves {
    private(set) var entries: [String: Entry] = [:]
    private(set) var problems: [ConfigurationError.Problem] = []
    private let file: String

    init(file: String) {
        self.file = file
    }

    mutating func add(root: Node) {
        guard isPlain(root), !isNull(root) else { return }
        guard case .mapping(let mapping) = root else {
            return refuse(root, "the file must be a mapping; write 'key: value' lines")
        }
        add(mapping, under: "")
    }

    private mutating func add(_ mapping: Node.Mapping, under path: String) {
        for (key, value) in mapping {
            guard isPlain(key) else { continue }
            guard case .scalar(let name) = key else {
                refuse(key, "a key must be plain text")
                continue
            }
            guard isPlain(value) else { continue }
            let origin = origin(of: key)
            switch value {
            case .mapping(let inner) where !inner.isEmpty:
                add(inner, under: path + name.string + ".")
            case .mapping:
                set(path + name.string, .nothing, origin)
            case .sequence(let items):
                guard let texts = texts(of: items) else { continue }
                set(path + name.string, .list(texts), origin)
            case .scalar(let scalar):
                set(path + name.string, isNull(value) ? .nothing : .scalar(scalar.string), origin)
            case .alias:
                refuse(key, "aliases are not taken; write the value out")
            }
        }
    }

    /// Finds duplicates across mappings, such as `a: {b: 1}` and `a.b: 2`; the parser finds those within one mapping.
    private mutating func set(_ key: String, _ value: Entry.Value, _ origin: ConfigurationOrigin) {
        if let first = entries.updateValue(Entry(value: value, origin: origin), forKey: key)?.origin {
            problems.append(.init(origin: origin, message: "duplicate key '\(key)', first at \(first); keep one"))
        }
    }

    private mutating func texts(of items: Node.Sequence) -> [String]? {
        var texts: [String] = []
        for item in items {
            guard isPlain(item) else { return nil }
            guard case .scalar(let scalar) = item, !isNull(item) else {
                refuse(item, "a list holds single values only; write them as [a, b]")
                return nil
            }
            texts.append(scalar.string)
        }
        return texts
    }

    private mutating func isPlain(_ node: Node) -> Bool {
        if node.anchor != nil {
            refuse(node, "anchors and aliases are not taken; write the value out")
            return false
        }
        if !node.tag.description.hasPrefix("tag:yaml.org,2002:") {
            refuse(node, "tag '\(node.tag)' is not taken; remove it")
            return false
        }
        return true
    }

    private func isNull(_ node: Node) -> Bool {
        guard case .scalar(let scalar) = node, scalar.style == .plain else { return false }
        return ["", "~", "null"].contains(scalar.string)
    }

    private mutating func refuse(_ node: Node, _ message: String) {
        problems.append(.init(origin: origin(of: node), message: message))
    }

    private func origin(of node: Node) -> ConfigurationOrigin {
        node.mark.map { .position(file: file, line: $0.line, column: $0.column) } ?? .file(file)
    }
}

/// Records what has been read from a tree; shared by the readers of all its sections.
final class Ledger {
    let tree: ConfigurationTree
    private(set) var settings: [String: ConfigurationSetting] = [:]
    private var keys: Set<String> = []
    private var sections: Set<String> = []
    /// Sections that belong to another program, each with a dot at its end.
    private var left: Set<String> = []
    /// The key that each environment variable was read for.
    private var owners: [String: String] = [:]
    private var problems: [ConfigurationError.Problem] = []

    init(_ tree: ConfigurationTree) {
        self.tree = tree
    }

    /// The entry in force for a key; `nil` when no layer has it. The key counts as known from now on.
    func entry(_ key: String) -> Entry? {
        keys.insert(key)
        let variable = tree.variable(for: key)
        let text = tree.environment[variable]
        if text != nil, let owner = owners.updateValue(key, forKey: variable), owner != key {
            report(.environment(variable), "names both '\(owner)' and '\(key)'; unset it and use --set")
        }
        if let override = tree.overrides[key] { return Entry(value: .scalar(override), origin: .override(key)) }
        if let text { return Entry(value: .scalar(text), origin: .environment(variable)) }
        return tree.file[key]
    }

    /// The names below a section in any layer, see `ConfigurationReader.properties`.
    func names(under section: String) -> Set<String> {
        let path = section + "."
        let written = Array(tree.file.keys) + Array(tree.overrides.keys)
        var names = Set(written.filter { $0.hasPrefix(path) }.map { String($0.dropFirst(path.count)) })
        let taken = Set(names.map { tree.variable(for: path + $0) }).union(owners.keys)
        let start = tree.variable(for: path)
        for variable in tree.environment.keys where variable.hasPrefix(start) && !taken.contains(variable) {
            names.insert(variable.dropFirst(start.count).lowercased().replacing("_", with: "."))
        }
        return names
    }

    func enter(_ section: String) {
        sections.insert(section)
    }

    func leave(_ section: String) {
        if !sections.contains(section) { left.insert(section + ".") }
    }

    func record(_ key: String, _ value: String, _ origin: ConfigurationOrigin) {
        settings[key] = ConfigurationSetting(key: key, value: value, origin: origin)
    }

    func report(_ origin: ConfigurationOrigin, _ message: String) {
        problems.append(.init(origin: origin, message: message))
    }

    /// The problems so far, then the keys that were never read, file first.
    func allProblems() -> [ConfigurationError.Problem] {
        let inFile = tree.file.filter { !keys.contains($0.key) && !isLeft($0.key) }
            .filter { !(sections.contains($0.key) && $0.value.value == .nothing) }
            .sorted { position($0.value.origin) < position($1.value.origin) }
            .map { unknown($0.key, at: $0.value.origin) }
        let inOverrides = tree.overrides.keys.filter { !keys.contains($0) && !isLeft($0) }.sorted()
            .map { unknown($0, at: .override($0)) }
        let variables = Set(keys.map(tree.variable(for:)))
        let leftVariables = left.map(tree.variable(for:))
        let unread = tree.environment.keys.filter { name in
            owners[name] == nil && !leftVariables.contains(where: name.hasPrefix)
        }
        let inEnvironment = unread.sorted().map { variable in
            let fix = variable.nearest(in: variables).map { "did you mean '\($0)'?" } ?? "unset it"
            return ConfigurationError.Problem(origin: .environment(variable), message: "no such setting; \(fix)")
        }
        return problems + inFile + inOverrides + inEnvironment
    }

    private func isLeft(_ key: String) -> Bool { left.contains(where: key.hasPrefix) }

    private func unknown(_ key: String, at origin: ConfigurationOrigin) -> ConfigurationError.Problem {
        let fix =
            if sections.contains(key) {
                "it is a section; set the keys in it"
            } else if let owner = keys.first(where: { key.hasPrefix($0 + ".") }) {
                "'\(owner)' takes a value, not a mapping"
            } else if let near = key.nearest(in: keys) {
                "did you mean '\(near)'?"
            } else {
                "remove it"
            }
        return .init(origin: origin, message: "unknown key '\(key)'; \(fix)")
    }

    private func position(_ origin: ConfigurationOrigin) -> (Int, Int) {
        if case .position(_, let line, let column) = origin { (line, column) } else { (0, 0) }
    }
}

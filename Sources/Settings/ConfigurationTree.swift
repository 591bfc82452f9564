/// The layers a configuration is read from, parsed but not yet typed.
///
/// A key is looked for in the `--set` arguments, then the environment, then the file; then the default in code holds.
/// A key is a dotted path: `input.topic` is `topic` in the mapping `input`, or `input.topic` written out, or
/// `FUTURE_CART_INPUT_TOPIC`, or `--set input.topic=orders`.
package struct ConfigurationTree: Sendable {
    let file: [String: Entry]
    let environment: [String: String]
    let overrides: [String: String]
    let prefix: String

    /// Parses files and the layers above them.
    ///
    /// - Parameters:
    ///   - paths: The YAML files; of a key in several of them the last one holds.
    ///   - environment: All variables; only those that begin with the prefix and an underscore count.
    ///   - overrides: `key.path=value`, without the `--set`; of two for one key the last holds.
    ///   - ignoring: Variables that begin with the prefix but are not settings.
    /// - Throws: All that is wrong with a file's syntax and with the overrides.
    package init(
        files paths: [String],
        environment: [String: String],
        prefix: String = "FUTURE_CART",
        overrides: [String],
        ignoring: Set<String> = []
    ) throws(ConfigurationError) {
        try self.init(environment, prefix, overrides, ignoring) { () throws(ConfigurationError) in
            var entries: [String: Entry] = [:]
            for path in paths { entries.merge(try YAMLFile(path: path).entries()) { _, later in later } }
            return entries
        }
    }

    /// Parses YAML from memory and the layers above it; `name` stands for the file's path in errors.
    package init(
        yaml: String,
        name: String,
        environment: [String: String] = [:],
        prefix: String = "FUTURE_CART",
        overrides: [String] = [],
        ignoring: Set<String> = []
    ) throws(ConfigurationError) {
        try self.init(environment, prefix, overrides, ignoring) { () throws(ConfigurationError) in
            try YAMLFile(name: name, text: yaml).entries()
        }
    }

    private init(
        _ environment: [String: String],
        _ prefix: String,
        _ overrides: [String],
        _ ignoring: Set<String>,
        file: () throws(ConfigurationError) -> [String: Entry]
    ) throws(ConfigurationError) {
        var problems: [ConfigurationError.Problem] = []
        do {
            self.file = try file()
        } catch {
            self.file = [:]
            problems += error.problems
        }
        var values: [String: String] = [:]
        for argument in overrides {
            guard let equals = argument.firstIndex(of: "="), equals > argument.startIndex else {
                let shown = ConfigurationSetting.redact(argument, of: argument)
                problems.append(.init(origin: .override(shown), message: "write it as key.path=value"))
                continue
            }
            values[String(argument[..<equals])] = String(argument[argument.index(after: equals)...])
        }
        guard problems.isEmpty else { throw ConfigurationError(problems) }
        self.overrides = values
        self.environment = environment.filter { $0.key.hasPrefix(prefix + "_") && !ignoring.contains($0.key) }
        self.prefix = prefix
    }

    /// The environment variable for a key: upper case, every other character than a letter or digit an underscore.
    func variable(for key: String) -> String {
        prefix + "_" + String(key.uppercased().map { $0.isLetter || $0.isNumber ? $0 : "_" })
    }
}

/// Reads typed settings, and collects all problems instead of stopping at the first.
///
/// Read every setting, then call `finish()`. The values may be used only if that returns: a value that is invalid reads as
/// its default. A default outside of its own range is the caller's bug.
package struct ConfigurationReader {
    private let ledger: Ledger
    private let path: String

    /// A reader at the top of a tree.
    package init(_ tree: ConfigurationTree) {
        self.init(Ledger(tree), path: "")
    }

    private init(_ ledger: Ledger, path: String) {
        self.ledger = ledger
        self.path = path
    }

    /// A reader of the keys in a mapping, which shares its problems and known keys with this one.
    package func section(_ key: String) -> ConfigurationReader {
        ledger.enter(path + key)
        return ConfigurationReader(ledger, path: path + key + ".")
    }

    /// Text; `nil` when no layer sets it.
    package func string(_ key: String) -> String? {
        value(key, .text)
    }

    /// Text.
    package func string(_ key: String, default fallback: String) -> String {
        value(key, .text, fallback)
    }

    /// An integer.
    package func int(_ key: String, default fallback: Int, in range: ClosedRange<Int> = .min ... .max) -> Int {
        precondition(range.contains(fallback))
        return value(key, .integer(in: range), fallback)
    }

    /// A finite number.
    package func double(_ key: String, default fallback: Double, in range: ClosedRange<Double> = .finite) -> Double {
        precondition(range.contains(fallback))
        return value(key, .number(in: range), fallback)
    }

    /// `true` or `false`, and no other spelling.
    package func bool(_ key: String, default fallback: Bool) -> Bool {
        value(key, .flag, fallback)
    }

    /// One of the cases, by its raw value.
    package func choice<T: RawRepresentable<String> & CaseIterable>(_ key: String, default fallback: T) -> T {
        value(key, .choice, fallback)
    }

    /// Milliseconds, written with their unit: `250ms`, `1s`, `5m`, `2h`, `30d`.
    package func duration(_ key: String, default fallback: Int, in range: ClosedRange<Int> = 0 ... .max) -> Int {
        precondition(range.contains(fallback) && range.lowerBound >= 0)
        return value(key, .duration(in: range), fallback)
    }

    /// A list: `[a, b]` in the file, `a,b` elsewhere.
    package func strings(_ key: String, default fallback: [String]) -> [String] {
        list(key, .text, fallback)
    }

    /// A list of integers, each within the range.
    package func ints(_ key: String, default fallback: [Int], in range: ClosedRange<Int> = .min ... .max) -> [Int] {
        precondition(fallback.allSatisfy(range.contains))
        return list(key, .integer(in: range), fallback)
    }

    /// A free-form mapping of names to values as written, sorted by name; names may hold dots.
    ///
    /// An environment variable below the section names a property in lower case, with dots for underscores, unless it stands
    /// for a name in the file or in `--set`, or was read before for another key. So read sections with similar names first.
    package func properties(_ key: String) -> [(name: String, value: String)] {
        ledger.enter(path + key)
        let section = ConfigurationReader(ledger, path: path + key + ".")
        return ledger.names(under: path + key).sorted().compactMap { name in
            section.string(name).map { (name, $0) }
        }
    }

    /// Every setting read and in force, by key, with secrets redacted.
    package var effective: [ConfigurationSetting] {
        ledger.settings.values.sorted { $0.key < $1.key }
    }

    /// Reports a problem of a setting that was read but contradicts others, at the place where it is written.
    package func refuse(_ key: String, _ message: String) {
        ledger.report(ledger.settings[path + key]?.origin ?? .code, "'\(path + key)': \(message)")
    }

    /// Marks a section as another program's, unless it has been read: its keys are then not reported as unknown.
    package func leave(_ section: String) {
        ledger.leave(path + section)
    }

    /// Call on any reader of the tree once all settings have been read.
    ///
    /// - Throws: All values that could not be used, and all keys, arguments and variables that were never read.
    package func finish() throws(ConfigurationError) {
        let problems = ledger.allProblems()
        guard problems.isEmpty else { throw ConfigurationError(problems) }
    }
}

// Reads every kind of setting by its notation.
extension ConfigurationReader {
    private func value<T>(_ key: String, _ notation: Notation<T>, _ fallback: T) -> T {
        value(key, notation) ?? use(fallback, for: key, notation.write)
    }

    private func list<T>(_ key: String, _ notation: Notation<T>, _ fallback: [T]) -> [T] {
        list(key, notation) ?? use(fallback, for: key) { $0.map(notation.write).joined(separator: ", ") }
    }

    private func value<T>(_ key: String, _ notation: Notation<T>) -> T? {
        guard let entry = ledger.entry(path + key) else { return nil }
        guard case .scalar(let text) = entry.value else { return refuse(entry, of: key, notation.expected) }
        guard let value = notation.parse(text) else {
            return refuse(entry, of: key, notation.expected, not: text)
        }
        ledger.record(path + key, text, entry.origin)
        return value
    }

    private func list<T>(_ key: String, _ notation: Notation<T>) -> [T]? {
        guard let entry = ledger.entry(path + key) else { return nil }
        guard let items = entry.items else { return refuse(entry, of: key, "a list; write it as [a, b]") }
        var values: [T] = []
        for item in items {
            guard let value = notation.parse(item), !item.isEmpty else {
                return refuse(entry, of: key, "a list, each \(notation.expected)", not: item)
            }
            values.append(value)
        }
        ledger.record(path + key, items.joined(separator: ", "), entry.origin)
        return values
    }

    private func use<T>(_ fallback: T, for key: String, _ write: (T) -> String) -> T {
        ledger.record(path + key, write(fallback), .code)
        return fallback
    }

    private func refuse<T>(_ entry: Entry, of key: String, _ expected: String, not text: String? = nil) -> T? {
        let found =
            switch (text, entry.value) {
            case (let text?, _): "'\(ConfigurationSetting.redact(text, of: path + key).prefix(60))'"
            case (nil, .nothing): "an empty value"
            case (nil, .list): "a list"
            case (nil, .scalar): "a single value"
            }
        ledger.report(entry.origin, "'\(path + key)' takes \(expected), not \(found)")
        return nil
    }
}

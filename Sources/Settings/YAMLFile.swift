import Foundation
import Yams

/// A YAML text, flattened to dotted keys.
///
/// Accepted: one document, a mapping of mappings, whose leaves are scalars and lists of scalars. Refused: duplicate keys,
/// tags, and anchors and aliases, with which a small file can expand without bound. The parser limits nesting.
struct YAMLFile {
    static let maximumBytes = 1 << 20

    let name: String
    let text: String

    init(name: String, text: String) {
        self.name = name
        self.text = text
    }

    init(path: String) throws(ConfigurationError) {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            let exists = FileManager.default.fileExists(atPath: path)
            throw ConfigurationError(
                .file(path), exists ? "cannot be opened; check its permissions" : "no such file; check the path")
        }
        guard let data = try? handle.read(upToCount: Self.maximumBytes + 1) ?? Data() else {
            throw ConfigurationError(.file(path), "cannot be read; give the path of a YAML file")
        }
        guard data.count <= Self.maximumBytes else {
            throw ConfigurationError(.file(path), "longer than \(Self.maximumBytes) bytes; is it a configuration?")
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw ConfigurationError(.file(path), "not UTF-8; save it as UTF-8")
        }
        self.init(name: path, text: text)
    }

    /// The leaves by dotted key.
    ///
    /// - Throws: The first syntax error, or else all the refusals.
    func entries() throws(ConfigurationError) -> [String: Entry] {
        do {
            let parser = try Parser(yaml: text, encoding: .utf8)
            // Nodes reference their anchors weakly, so the parser that owns them must stay alive.
            return try withExtendedLifetime(parser) {
                var leaves = YAMLLeaves(file: name)
                if let root = try parser.singleRoot() { leaves.add(root: root) }
                guard leaves.problems.isEmpty else { throw ConfigurationError(leaves.problems) }
                return leaves.entries
            }
        } catch let error as ConfigurationError {
            throw error
        } catch let error as YamlError {
            throw syntaxError(error)
        } catch {
            throw ConfigurationError(.file(name), "\(error)")
        }
    }

    private func syntaxError(_ error: YamlError) -> ConfigurationError {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            if isTab(at: mark) { return ConfigurationError(at(mark), "YAML takes no tab here; indent with spaces") }
            let context = context.map { " \($0.text) (line \($0.mark.line))" } ?? ""
            return ConfigurationError(at(mark), "YAML syntax:\(context) \(problem); fix it there or just above")
        case .reader(let problem, let offset, _, _):
            let before = text.prefix(offset ?? 0)
            let line = before.count(where: \.isNewline) + 1
            let column = before.reversed().prefix { !$0.isNewline }.count + 1
            let origin = ConfigurationOrigin.position(file: name, line: line, column: column)
            return ConfigurationError(origin, "\(problem); remove the character")
        case .duplicatedKeysInMapping(let keys, let context):
            let keys = keys.map { "'\($0)'" }.joined(separator: ", ")
            return ConfigurationError(at(context.mark), "duplicate key \(keys) in one mapping; keep one")
        default:
            return ConfigurationError(.file(name), "\(error)")
        }
    }

    private func at(_ mark: Mark) -> ConfigurationOrigin {
        .position(file: name, line: mark.line, column: mark.column)
    }

    private func isTab(at mark: Mark) -> Bool {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        guard lines.indices.contains(mark.line - 1) else { return false }
        return lines[mark.line - 1].unicodeScalars.dropFirst(mark.column - 1).first == "\t"
    }
}

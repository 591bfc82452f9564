import Foundation
import Testing

@testable import Settings

@Suite struct SyntaxTests {
    @Test(arguments: [
        ("- a\n- b", "worker.yaml:1:1: the file must be a mapping; write 'key: value' lines"),
        ("topic", "worker.yaml:1:1: the file must be a mapping; write 'key: value' lines"),
        ("a:\n\tb: 1", "worker.yaml:2:1: YAML takes no tab here; indent with spaces"),
        ("a: 1\nb: 2\na: 3", "worker.yaml:1:1: duplicate key 'a' in one mapping; keep one"),
        ("a:\n  b: 1\na.b: 2", "worker.yaml:3:1: duplicate key 'a.b', first at worker.yaml:2:3; keep one"),
        ("a: &x 1", "worker.yaml:1:4: anchors and aliases are not taken; write the value out"),
        ("a: !include b", "worker.yaml:1:4: tag '!include' is not taken; remove it"),
        ("? [a]\n: b", "worker.yaml:1:3: a key must be plain text"),
        ("a: [b, {c: d}]", "worker.yaml:1:8: a list holds single values only; write them as [a, b]"),
        ("a: b\u{7}", "worker.yaml:1:5: control characters are not allowed; remove the character"),
    ])
    func `what is no configuration is refused at its place`(yaml: String, message: String) {
        #expect(refusal(yaml) == message)
    }

    @Test(arguments: [
        ("a: 1\nb: [1, 2", "worker.yaml:3:1: YAML syntax: while parsing a flow sequence (line 2)"),
        ("a: 1\n b: 2", "worker.yaml:2:3: YAML syntax: mapping values are not allowed"),
        ("a: 1\nb: 'x", "worker.yaml:2:6: YAML syntax: while scanning a quoted scalar (line 2)"),
        ("a: 1\n---\nb: 2", "worker.yaml:2:1: YAML syntax: expected a single document"),
        ("a: *x", "worker.yaml:1:4: YAML syntax: found undefined alias"),
    ])
    func `a syntax error says its line`(yaml: String, start: String) throws {
        let text = try #require(refusal(yaml))
        #expect(text.hasPrefix(start), "\(text)")
    }

    @Test(arguments: ["[", "{a: ", "- ", "? "], [900, 100_000])
    func `nesting is limited`(opening: String, depth: Int) {
        // Not in the expectation, which would print the text.
        let isRefused = refusal(String(repeating: opening, count: depth)) != nil
        #expect(isRefused)
    }

    @Test func `aliases cannot grow a file`() throws {
        let lines = (1...30).map {
            "a\($0): &a\($0) [\(Array(repeating: "*a\($0 - 1)", count: 9).joined(separator: ", "))]"
        }
        let text = try #require(refusal("a0: &a0 [x]\n" + lines.joined(separator: "\n")))
        #expect(text.split(separator: "\n").count == 31)
    }

    @Test func `a --set without a key and a value is refused, with the file's errors and without secrets`() {
        #expect(
            refusal("- a", overrides: ["workers", "=4", "a=b", "sasl.password:hunter2"]) == """
                worker.yaml:1:1: the file must be a mapping; write 'key: value' lines
                --set workers: write it as key.path=value
                --set =4: write it as key.path=value
                --set [redacted]: write it as key.path=value
                """)
    }

    @Test func `a file is read`() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).yaml")
        defer { try? FileManager.default.removeItem(at: url) }
        try Data("topic: carts".utf8).write(to: url)
        let reader = ConfigurationReader(try ConfigurationTree(files: [url.path], environment: [:], overrides: []))
        #expect(reader.string("topic") == "carts")
        try reader.finish()
    }

    @Test(arguments: [
        (
            [UInt8](repeating: 0x20, count: YAMLFile.maximumBytes + 1),
            "longer than 1048576 bytes; is it a configuration?"
        ),
        ([0xFF, 0xFE], "not UTF-8; save it as UTF-8"),
    ])
    func `a file that is no text is refused`(bytes: [UInt8], message: String) throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).yaml")
        defer { try? FileManager.default.removeItem(at: url) }
        try Data(bytes).write(to: url)
        #expect(throws: ConfigurationError(.file(url.path), message)) {
            try ConfigurationTree(files: [url.path], environment: [:], overrides: [])
        }
    }

    @Test(arguments: [
        ("/no/such/worker.yaml", "no such file; check the path"),
        ("/", "cannot be read; give the path of a YAML file"),
    ])
    func `a path that is no file is refused by name`(path: String, message: String) {
        #expect(throws: ConfigurationError(.file(path), message)) {
            try ConfigurationTree(files: [path], environment: [:], overrides: [])
        }
    }

    @Test func `no file at all leaves the other layers`() throws {
        let tree = try ConfigurationTree(files: [], environment: ["APP_TOPIC": "carts"], prefix: "APP", overrides: [])
        let reader = ConfigurationReader(tree)
        #expect(reader.string("topic") == "carts")
        try reader.finish()
    }
}

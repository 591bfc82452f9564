import Foundation

/// A source file as the rules look at it: its lines, and the same text with comments and string literals blanked out.
struct SwiftFile {
    /// From the checkout's root.
    let path: String
    let lines: [Substring]
    /// Code alone, of the same length as the file; what is interpolated into strings stays.
    let code: [UInt8]

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var blanker = Blanker(Array(text.utf8))
        code = blanker.blanked()
    }

    /// The target that a file of `Sources` belongs to.
    var room: String { String(path.split(separator: "/")[1]) }

    /// The modules that it imports.
    var imports: [Substring] {
        lines.compactMap { line in
            let words = line.split(separator: " ")
            guard let place = words.firstIndex(of: "import"), place + 1 < words.count else { return nil }
            guard words[..<place].allSatisfy({ $0.hasPrefix("@") }) else { return nil }
            return words[place + 1]
        }
    }

    /// Identifiers and keywords of the code, in order, with their places.
    var words: [(text: String, at: Int)] {
        var words: [(String, Int)] = []
        var start: Int?
        for at in 0...code.count {
            let isPart = at < code.count && Self.isWordByte(code[at])
            if isPart, start == nil { start = at }
            guard !isPart, let first = start else { continue }
            words.append((String(decoding: code[first..<at], as: UTF8.self), first))
            start = nil
        }
        return words
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: byte >= 0x80
        }
    }

    /// The line of a place in the code, from 1.
    func line(of place: Int) -> Int { code[..<place].count { $0 == UInt8(ascii: "\n") } + 1 }

    /// Lines of comments as they stand, and of code without what is quoted.
    var linesWithoutStrings: [Substring] {
        let code = String(decoding: code, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        return zip(lines, code).map { line, code in
            line.drop { $0 == " " }.hasPrefix("//") ? line : code
        }
    }

    /// Whether a doc comment stands before a declaration, or before its attributes.
    func isDocumented(declarationAt index: Int) -> Bool {
        for line in lines[..<index].reversed().prefix(8) {
            let text = line.drop { $0 == " " }
            if text.hasPrefix("///") { return true }
            if text.isEmpty || text.hasSuffix("}") || text.hasSuffix("{") { return false }
            if text.hasPrefix("package ") || text.hasPrefix("public ") { return false }
        }
        return false
    }

    /// The lines that each function and initializer with a body takes.
    var functions: [(name: String, line: Int, length: Int)] {
        let words = words
        return words.indices.compactMap { index in
            let (word, place) = words[index]
            guard word == "func" || word == "init" || word == "deinit" || word == "subscript" else { return nil }
            let name = word == "func" && index + 1 < words.count ? words[index + 1].text : word
            guard let body = bodyStart(after: place + word.utf8.count), let end = blockEnd(from: body) else {
                return nil
            }
            let first = line(of: place)
            return (name, first, line(of: end) - first + 1)
        }
    }

    /// The opening brace of the declaration that begins before `place`; `nil` for one without a body, and for a call.
    private func bodyStart(after place: Int) -> Int? {
        var depth = 0
        var at = place
        while at < code.count {
            switch code[at] {
            case UInt8(ascii: "("), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: ")"), UInt8(ascii: "]"):
                depth -= 1
                if depth < 0 { return nil }
            case UInt8(ascii: "{") where depth == 0: return at
            case UInt8(ascii: "}"), UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "."):
                if depth == 0 { return nil }
            case UInt8(ascii: "\n") where depth == 0:
                if !continuesDeclaration(at) { return nil }
            default: break
            }
            at += 1
        }
        return nil
    }

    /// Whether what follows a line's end still belongs to a function's head.
    private func continuesDeclaration(_ newline: Int) -> Bool {
        let rest = code[newline...].drop { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: " ") }
        let heads = ["->", "throws", "rethrows", "async", "where", "{"]
        return heads.contains { rest.starts(with: $0.utf8) }
    }

    private func blockEnd(from brace: Int) -> Int? {
        var depth = 0
        for at in brace..<code.count {
            if code[at] == UInt8(ascii: "{") { depth += 1 }
            if code[at] == UInt8(ascii: "}") {
                depth -= 1
                if depth == 0 { return at }
            }
        }
        return nil
    }
}

/// Replaces comments and string literals by spaces.
private struct Blanker {
    private let bytes: [UInt8]
    private var out: [UInt8]
    private var at = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        out = bytes
    }

    mutating func blanked() -> [UInt8] {
        code(until: nil)
        return out
    }

    /// Passes over code; within an interpolation up to its closing parenthesis.
    private mutating func code(until end: UInt8?) {
        var depth = 0
        while at < bytes.count {
            if starts(with: "//") {
                while at < bytes.count, bytes[at] != UInt8(ascii: "\n") { blankBytes(1) }
            } else if starts(with: "\"\"\"") {
                string(delimiter: "\"\"\"")
            } else if starts(with: "\"") {
                string(delimiter: "\"")
            } else {
                if bytes[at] == UInt8(ascii: "(") { depth += 1 }
                if bytes[at] == UInt8(ascii: ")") {
                    if depth == 0, end == bytes[at] { return }
                    depth -= 1
                }
                at += 1
            }
        }
    }

    private mutating func string(delimiter: String) {
        blankBytes(delimiter.utf8.count)
        while at < bytes.count, !starts(with: delimiter) {
            if starts(with: "\\(") {
                blankBytes(2)
                code(until: UInt8(ascii: ")"))
                blankBytes(1)
            } else {
                blankBytes(starts(with: "\\") ? 2 : 1)
            }
        }
        blankBytes(delimiter.utf8.count)
    }

    private func starts(with text: String) -> Bool { bytes[at...].starts(with: text.utf8) }

    private mutating func blankBytes(_ count: Int) {
        for _ in 0..<count where at < bytes.count {
            if bytes[at] != UInt8(ascii: "\n") { out[at] = UInt8(ascii: " ") }
            at += 1
        }
    }
}

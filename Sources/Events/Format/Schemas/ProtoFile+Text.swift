/// Reading `.proto` source text (https://protobuf.dev/reference/protobuf/proto3-spec/): messages, fields and enums. Options,
/// services and extensions are passed over.
extension ProtoFile {
    /// - Throws: `SchemaError` with the line of what cannot be understood.
    init(text: [UInt8]) throws(SchemaError) {
        var parser = ProtoParser(text)
        self = try parser.file()
    }
}

private struct ProtoParser {
    private let text: [UInt8]
    private var at = 0
    private var line = 1
    /// The present token; empty at the end. A string begins with its quote.
    private var token = ""
    private static let depthLimit = 64

    init(_ text: [UInt8]) { self.text = text }

    mutating func file() throws(SchemaError) -> ProtoFile {
        var file = ProtoFile()
        try advance()
        while !token.isEmpty {
            switch token {
            case ";": try advance()
            case "syntax", "edition":
                try advance()
                try expect("=")
                file.isProto3 = token.contains("proto3")
                try statementEnd()
            case "package":
                try advance()
                file.package = token
                try statementEnd()
            case "import", "option": try statementEnd()
            case "message": file.messages.append(try message(depth: 0))
            case "enum": file.enums.append(try enumeration())
            case "service", "extend": try skipBlock()
            default: throw unexpected("a message")
            }
        }
        return file
    }

    private mutating func message(depth: Int) throws(SchemaError) -> ProtoFile.Message {
        guard depth < Self.depthLimit else { throw SchemaError("has messages nested too deep, in line \(line)") }
        try advance()
        var message = ProtoFile.Message(name: try identifier())
        try expect("{")
        while token != "}" {
            switch token {
            case "": throw unexpected("}")
            case ";": try advance()
            case "message": message.messages.append(try self.message(depth: depth + 1))
            case "enum": message.enums.append(try enumeration())
            case "option", "reserved", "extensions": try statementEnd()
            case "extend": try skipBlock()
            case "oneof":
                try advance()
                _ = try identifier()
                try expect("{")
                while token != "}" {
                    if token == "option" { try statementEnd() } else { try field(of: &message, isInOneof: true) }
                }
                try advance()
            default: try field(of: &message, isInOneof: false)
            }
        }
        try advance()
        return message
    }

    private mutating func field(of message: inout ProtoFile.Message, isInOneof: Bool) throws(SchemaError) {
        var field = ProtoFile.Field(isInOneof: isInOneof)
        switch token {
        case "optional": field.label = .optional
        case "required": field.label = .required
        case "repeated": field.label = .repeated
        default: break
        }
        if field.label != .none { try advance() }
        field.type = try identifier()
        if field.type == "map", token == "<" { field = try mapField(of: &message) }
        field.name = try identifier()
        try expect("=")
        guard let number = Int(token), number > 0 else { throw unexpected("a field's number") }
        field.number = number
        if field.type == "group" {
            try skipBlock()
            return
        }
        try statementEnd()
        message.fields.append(field)
    }

    /// `map<key, value>` is a repeated message of a key and a value.
    private mutating func mapField(of message: inout ProtoFile.Message) throws(SchemaError) -> ProtoFile.Field {
        try advance()
        let key = try identifier()
        try expect(",")
        let value = try identifier()
        try expect(">")
        var entry = ProtoFile.Message(name: "\(token)<entry>", isMapEntry: true)
        entry.fields = [
            ProtoFile.Field(name: "key", number: 1, type: key), ProtoFile.Field(name: "value", number: 2, type: value),
        ]
        message.messages.append(entry)
        return ProtoFile.Field(label: .repeated, type: entry.name)
    }

    private mutating func enumeration() throws(SchemaError) -> ProtoFile.Enumeration {
        try advance()
        var enumeration = ProtoFile.Enumeration(name: try identifier())
        try expect("{")
        while token != "}" {
            switch token {
            case "": throw unexpected("}")
            case ";": try advance()
            case "option", "reserved": try statementEnd()
            default:
                let name = try identifier()
                try expect("=")
                guard let number = number(token) else { throw unexpected("a number") }
                enumeration.values.append((name, number))
                try statementEnd()
            }
        }
        try advance()
        return enumeration
    }

    private func number(_ token: String) -> Int32? {
        guard token.lowercased().hasPrefix("0x") else { return Int32(token) }
        return Int32(token.dropFirst(2), radix: 16)
    }

    // MARK: Tokens

    private func unexpected(_ expected: String) -> SchemaError {
        SchemaError(
            "is no .proto text: line \(line) has \(token.isEmpty ? "its end" : "'\(token)'") where \(expected) is due")
    }

    private mutating func expect(_ expected: String) throws(SchemaError) {
        guard token == expected else { throw unexpected("'\(expected)'") }
        try advance()
    }

    private mutating func identifier() throws(SchemaError) -> String {
        guard let first = token.utf8.first, Self.isName(first) else { throw unexpected("a name") }
        let name = token
        try advance()
        return name
    }

    /// Passes over the rest of a statement, with what stands in brackets and braces.
    private mutating func statementEnd() throws(SchemaError) {
        var depth = 0
        while depth > 0 || token != ";" {
            switch token {
            case "": throw unexpected("';'")
            case "{", "[": depth += 1
            case "}", "]":
                depth -= 1
                guard depth >= 0 else { throw unexpected("';'") }
            default: break
            }
            try advance()
        }
        try advance()
    }

    /// Passes over everything up to the end of the next block.
    private mutating func skipBlock() throws(SchemaError) {
        while token != "{" {
            if token.isEmpty { throw unexpected("'{'") }
            try advance()
        }
        var depth = 0
        repeat {
            if token == "{" { depth += 1 }
            if token == "}" { depth -= 1 }
            if token.isEmpty { throw unexpected("'}'") }
            try advance()
        } while depth > 0
    }

    private static func isName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
            UInt8(ascii: "."):
            true
        default: false
        }
    }

    private mutating func advance() throws(SchemaError) {
        try skipSpace()
        guard at < text.count else {
            token = ""
            return
        }
        let start = at
        let first = text[at]
        at += 1
        switch first {
        case UInt8(ascii: "\""), UInt8(ascii: "'"):
            while at < text.count, text[at] != first {
                if text[at] == UInt8(ascii: "\n") { throw SchemaError("has a string without an end in line \(line)") }
                at += text[at] == UInt8(ascii: "\\") ? 2 : 1
            }
            guard at < text.count else { throw SchemaError("has a string without an end in line \(line)") }
            at += 1
        case _ where Self.isName(first) || first == UInt8(ascii: "-") || first &- 48 < 10:
            while at < text.count, Self.isName(text[at]) || text[at] &- 48 < 10 { at += 1 }
        default: break
        }
        token = String(decoding: text[start..<at], as: UTF8.self)
    }

    private mutating func skipSpace() throws(SchemaError) {
        while at < text.count {
            let next = at + 1 < text.count ? text[at + 1] : 0
            switch (text[at], next) {
            case (UInt8(ascii: "\n"), _):
                line += 1
                at += 1
            case (0...32, _): at += 1
            case (UInt8(ascii: "/"), UInt8(ascii: "/")):
                while at < text.count, text[at] != UInt8(ascii: "\n") { at += 1 }
            case (UInt8(ascii: "/"), UInt8(ascii: "*")):
                at += 2
                while at + 1 < text.count, text[at] != UInt8(ascii: "*") || text[at + 1] != UInt8(ascii: "/") {
                    if text[at] == UInt8(ascii: "\n") { line += 1 }
                    at += 1
                }
                guard at + 1 < text.count else { throw SchemaError("has a comment without an end") }
                at += 2
            default: return
            }
        }
    }
}

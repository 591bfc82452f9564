import Hummingbird

/// The query parameters of a request, each of which may be given once.
struct Query {
    private var values: [String: String] = [:]

    /// - Throws: `Problem` naming a parameter that is unknown, given twice or not percent-encoded UTF-8.
    init(_ request: Request, takes names: Set<String>) throws(Problem) {
        guard let query = request.uri.query else { return }
        for part in query.split(separator: "&") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decoded(pair[0]), names.contains(name) else {
                throw .badParameter(
                    String(pair[0].prefix(80)),
                    "is not taken here; there is \(names.sorted().joined(separator: " and "))")
            }
            guard let value = Self.decoded(pair.count > 1 ? pair[1] : "") else {
                throw .badParameter(name, "is not percent-encoded UTF-8")
            }
            guard values.updateValue(value, forKey: name) == nil else { throw .badParameter(name, "is given twice") }
        }
    }

    func text(_ name: String) -> String? { values[name] }

    func integer(_ name: String, default standard: Int, in range: ClosedRange<Int>) throws(Problem) -> Int {
        guard let text = values[name] else { return standard }
        guard let value = Int(text), range.contains(value), text.first != "+" else {
            throw .badParameter(name, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// Decodes percent-encoded UTF-8; `nil` if the text is malformed.
    static func decoded(_ text: some StringProtocol) -> String? {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        var bytes: [UInt8] = []
        var rest = text.utf8.makeIterator()
        while let byte = rest.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.next().flatMap(digit), let low = rest.next().flatMap(digit) else { return nil }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - 48
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - 87
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - 55
        default: nil
        }
    }
}

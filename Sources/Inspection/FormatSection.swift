import Events

extension EventFormat {
    /// The sections `fields:` and `events:` of a configuration that says what differs from the standard or from the configuration
    /// that it is laid over, as YAML.
    /// - Parameters:
    ///   - base: the format of the configuration that it is laid over.
    ///   - schemaFile: the file that the format's own schema is from; empty for none.
    package func configurationSections(over base: EventFormat = EventFormat(), schemaFile: String = "") -> String {
        let standard = EventFormat()
        func isSame<Value: Equatable>(_ setting: KeyPath<EventFormat, Value>) -> Bool {
            self[keyPath: setting] == standard[keyPath: setting] && self[keyPath: setting] == base[keyPath: setting]
        }
        var text = "fields:\n"
        for field in EventField.allCases where field.isStandard || !fields[field].isEmpty || !base.fields[field].isEmpty
        {
            text += "  \(field.name): \(Self.quoted(fields[field]))\n"
        }
        var settings: [(name: String, value: String)] = []
        func add(_ name: String, _ value: String, unless isStandard: Bool) {
            if !isStandard { settings.append((name, value)) }
        }
        add("codec", codec.rawValue, unless: isSame(\.codec))
        add("framing", framing.rawValue, unless: isSame(\.framing))
        add("schema_file", Self.quoted(schemaFile), unless: schemaFile.isEmpty)
        add("message", Self.quoted(messageName), unless: isSame(\.messageName))
        add("envelope", envelope.rawValue, unless: isSame(\.envelope))
        add("updates", updates.rawValue, unless: isSame(\.updates))
        add("lines", Self.quoted(lines?.description ?? ""), unless: isSame(\.lines))
        add("predictions", predictions.rawValue, unless: isSame(\.predictions))
        add("time", Self.quoted(time.description), unless: isSame(\.time))
        add("time_zone", Self.quoted(timeZone), unless: isSame(\.timeZone))
        add("decimal_separator", Self.quoted(decimalSeparator), unless: isSame(\.decimalSeparator))
        add(
            "thousands_separator", Self.quoted(thousandsSeparator),
            unless: isSame(\.thousandsSeparator))
        add("decimal_scale", "\(decimalScale)", unless: isSame(\.decimalScale))
        add(
            "missing", "[" + missingWords.map(Self.quoted).joined(separator: ", ") + "]",
            unless: isSame(\.missingWords))
        add("missing_invoice", missingInvoice.rawValue, unless: isSame(\.missingInvoice))
        add("missing_product", "\(allowsMissingProduct)", unless: isSame(\.allowsMissingProduct))
        add(
            "cancellation_prefix", Self.quoted(cancellationPrefix),
            unless: isSame(\.cancellationPrefix))
        add("max_ahead", "\(maxAhead)ms", unless: isSame(\.maxAhead))
        add("encoding", Self.quoted(encoding.rawValue), unless: isSame(\.encoding))
        guard !settings.isEmpty || !statuses.isEmpty else { return text }
        text += "events:\n" + settings.map { "  \($0.name): \($0.value)\n" }.joined()
        if !statuses.isEmpty {
            text += "  statuses:\n"
            for (status, meaning) in statuses.sorted(by: { $0.key < $1.key }) {
                text += "    \(Self.quoted(status)): \(meaning.rawValue)\n"
            }
        }
        return text
    }

    /// A text as a YAML scalar: as it is where that has one reading, else in quotes.
    private static func quoted(_ text: String) -> String {
        let isPlain =
            text.first?.isASCII == true && text.first?.isLetter == true
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_./-".contains($0)) }
            && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(text.lowercased())
        if isPlain { return text }
        // A JSON string is a YAML string in quotes, but for line ends of Unicode and what YAML does not print.
        var writer = JSONWriter()
        writer.string(text)
        return String(decoding: writer.bytes, as: UTF8.self).unicodeScalars.reduce(into: "") { quoted, scalar in
            switch scalar.value {
            case 0x7F...0xA0, 0x2028, 0x2029, 0xFEFF, 0xD800...0xDFFF, 0xFFFE, 0xFFFF:
                quoted +=
                    "\\u" + String(repeating: "0", count: 4 - String(scalar.value, radix: 16).count)
                    + String(scalar.value, radix: 16)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
    }
}

import Events

extension EventFormat {
    /// The sections `fields:` and `events:` of a configuration that says what differs from the standard, as YAML.
    /// - Parameter schemaFile: the file that the format's own schema is from; empty for none.
    package func configurationSections(schemaFile: String = "") -> String {
        let standard = EventFormat()
        var text = "fields:\n"
        for field in EventField.allCases where field.isStandard || !fields[field].isEmpty {
            text += "  \(field.name): \(Self.quoted(fields[field]))\n"
        }
        var settings: [(name: String, value: String)] = []
        func add(_ name: String, _ value: String, unless isStandard: Bool) {
            if !isStandard { settings.append((name, value)) }
        }
        add("codec", codec.rawValue, unless: codec == standard.codec)
        add("framing", framing.rawValue, unless: framing == standard.framing)
        add("schema_file", Self.quoted(schemaFile), unless: schemaFile.isEmpty)
        add("message", Self.quoted(messageName), unless: messageName == standard.messageName)
        add("envelope", envelope.rawValue, unless: envelope == standard.envelope)
        add("updates", updates.rawValue, unless: updates == standard.updates)
        add("lines", Self.quoted(lines?.description ?? ""), unless: lines == standard.lines)
        add("predictions", predictions.rawValue, unless: predictions == standard.predictions)
        add("time", Self.quoted(time.description), unless: time == standard.time)
        add("time_zone", Self.quoted(timeZone), unless: timeZone == standard.timeZone)
        add("decimal_separator", Self.quoted(decimalSeparator), unless: decimalSeparator == standard.decimalSeparator)
        add(
            "thousands_separator", Self.quoted(thousandsSeparator),
            unless: thousandsSeparator == standard.thousandsSeparator)
        add("decimal_scale", "\(decimalScale)", unless: decimalScale == standard.decimalScale)
        add(
            "missing", "[" + missingWords.map(Self.quoted).joined(separator: ", ") + "]",
            unless: missingWords == standard.missingWords)
        add("missing_invoice", missingInvoice.rawValue, unless: missingInvoice == standard.missingInvoice)
        add("missing_product", "\(allowsMissingProduct)", unless: allowsMissingProduct == standard.allowsMissingProduct)
        add(
            "cancellation_prefix", Self.quoted(cancellationPrefix),
            unless: cancellationPrefix == standard.cancellationPrefix)
        add("max_ahead", "\(maxAhead)ms", unless: maxAhead == standard.maxAhead)
        add("encoding", Self.quoted(encoding.rawValue), unless: encoding == standard.encoding)
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
        // A JSON string is a YAML string in quotes.
        var writer = JSONWriter()
        writer.string(text)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

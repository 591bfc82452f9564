import Events
import SchemaRegistry
import Settings

extension EventFormat {
    /// Reads the sections `fields:` and `events:`: where a shop's events have their fields, and how they write values.
    /// - Parameter registry: where schemas come from.
    package init(_ reader: ConfigurationReader, registry: RegistrySettings) {
        self.init()
        let (fields, reader) = (reader.section("fields"), reader.section("events"))
        readSchemas(reader, registry)
        envelope = reader.choice("envelope", default: envelope)
        updates = reader.choice("updates", default: updates)
        let path = reader.string("lines", default: "")
        lines = FieldPath(path)
        if !path.isEmpty, lines == nil { reader.refuse("lines", Self.expectedPath) }
        predictions = reader.choice("predictions", default: predictions)
        encoding = reader.choice("encoding", default: encoding)
        readTimes(reader)
        readNumbers(reader)
        missingWords = reader.strings("missing", default: missingWords).map { $0.lowercased() }
        missingInvoice = reader.choice("missing_invoice", default: missingInvoice)
        allowsMissingProduct = reader.bool("missing_product", default: allowsMissingProduct)
        cancellationPrefix = reader.string("cancellation_prefix", default: cancellationPrefix)
        // Which fields there must be depends on what stands for those that are missing.
        readFields(fields)
        readStatuses(reader)
        maxAhead = Int64(reader.duration("max_ahead", default: Int(maxAhead), in: 0...Int(EventTime.latest)))
    }

    private static let expectedPath =
        "must be a path such as order.items or order.items[0], with \\. for a dot in a name"

    private mutating func readFields(_ reader: ConfigurationReader) {
        for field in EventField.allCases {
            fields[field] = reader.string(field.name, default: fields[field])
            if fields[field].isEmpty {
                if needs(field), field != .unitPrice { reader.refuse(field.name, "must say where the field stands") }
            } else if FieldPath(fields[field]) == nil {
                reader.refuse(field.name, Self.expectedPath)
            }
        }
        if fields[.lineTotal].isEmpty, fields[.unitPrice].isEmpty {
            reader.refuse("unit_price", "must say where the price of a piece stands, unless line_total is set")
        }
    }

    private mutating func readTimes(_ reader: ConfigurationReader) {
        let text = reader.string("time", default: time.description)
        if let notation = TimeNotation(text) {
            time = notation
        } else {
            reader.refuse("time", "must be \(TimeNotation.expected)")
        }
        timeZone = reader.string("time_zone", default: timeZone)
        if !Self.isTimeZone(timeZone) {
            reader.refuse("time_zone", "must be a time zone such as Europe/London, found '\(timeZone)'")
            timeZone = "UTC"
        }
    }

    private mutating func readNumbers(_ reader: ConfigurationReader) {
        decimalSeparator = reader.string("decimal_separator", default: decimalSeparator)
        thousandsSeparator = reader.string("thousands_separator", default: thousandsSeparator)
        if ![".", ","].contains(decimalSeparator) { reader.refuse("decimal_separator", "must be . or ,") }
        if thousandsSeparator == decimalSeparator || thousandsSeparator.contains(where: { $0.isNumber || $0 == "-" }) {
            reader.refuse("thousands_separator", "must be another sign than the decimal one, and no digit")
        }
        decimalScale = reader.int("decimal_scale", default: decimalScale, in: -1...38)
    }

    private mutating func readStatuses(_ reader: ConfigurationReader) {
        for (status, text) in reader.properties("statuses") {
            guard let meaning = Meaning(rawValue: text) else {
                reader.refuse(
                    "statuses.\(status)",
                    "must be one of \(Meaning.allCases.map(\.rawValue).joined(separator: ", ")), found '\(text)'")
                continue
            }
            statuses[status] = meaning
        }
        if !fields[.status].isEmpty, statuses.isEmpty {
            reader.refuse("statuses", "must say what each status means, since fields.status is set")
        }
    }
}

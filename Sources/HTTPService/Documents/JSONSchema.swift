import Events

/// A schema of the OpenAPI document (JSON Schema 2020-12), as text.
struct JSONSchema {
    let json: String

    /// Of a text that says the rest, such as `"minimum":0`.
    private init(_ type: String, _ description: String, _ rest: String = "") {
        var json = "{\(type)"
        if !rest.isEmpty { json += ",\(rest)" }
        if !description.isEmpty { json += ",\"description\":\(Self.quoted(description))" }
        self.json = json + "}"
    }

    static func string(_ description: String = "", rest: String = "") -> JSONSchema {
        JSONSchema("\"type\":\"string\"", description, rest)
    }

    static func integer(_ description: String = "", from least: Int = 0, to most: Int? = nil) -> JSONSchema {
        JSONSchema(
            "\"type\":\"integer\"", description, "\"minimum\":\(least)" + (most.map { ",\"maximum\":\($0)" } ?? ""))
    }

    static func number(_ description: String = "", rest: String = "") -> JSONSchema {
        JSONSchema("\"type\":\"number\"", description, rest)
    }

    static func boolean(_ description: String = "") -> JSONSchema { JSONSchema("\"type\":\"boolean\"", description) }

    static func integerOrNull(_ description: String = "") -> JSONSchema {
        JSONSchema("\"type\":[\"integer\",\"null\"]", description)
    }

    /// A number, or null where there is none.
    static func numberOrNull(_ description: String = "") -> JSONSchema {
        JSONSchema("\"type\":[\"number\",\"null\"]", description)
    }

    static func stringOrNull(_ description: String = "", rest: String = "") -> JSONSchema {
        JSONSchema("\"type\":[\"string\",\"null\"]", description, rest)
    }

    static func oneOf(_ values: [String], _ description: String = "") -> JSONSchema {
        JSONSchema("\"type\":\"string\"", description, "\"enum\":[\(values.map(quoted).joined(separator: ","))]")
    }

    static func any(of schemas: [JSONSchema], _ description: String = "") -> JSONSchema {
        JSONSchema("\"anyOf\":[\(schemas.map(\.json).joined(separator: ","))]", description)
    }

    static func array(of element: JSONSchema, _ description: String = "", rest: String = "") -> JSONSchema {
        JSONSchema("\"type\":\"array\",\"items\":\(element.json)", description, rest)
    }

    /// A component, by its name.
    static func reference(_ name: String, _ description: String = "") -> JSONSchema {
        JSONSchema("\"$ref\":\"#/components/schemas/\(name)\"", description)
    }

    /// An object of these members and, unless more are allowed, no others; all required but the optional ones.
    static func object(
        _ members: [(String, JSONSchema)], optional: Set<String> = [], allowsMore: Bool = false,
        _ description: String = ""
    ) -> JSONSchema {
        let required = members.map(\.0).filter { !optional.contains($0) }.map(quoted).joined(separator: ",")
        let properties = members.map { "\(quoted($0.0)):\($0.1.json)" }.joined(separator: ",")
        return JSONSchema(
            "\"type\":\"object\"", description,
            (required.isEmpty ? "" : "\"required\":[\(required)],")
                + "\"properties\":{\(properties)},\"additionalProperties\":\(allowsMore)")
    }

    /// An object of values of one kind by names that are not known beforehand.
    static func map(of value: JSONSchema, _ description: String = "") -> JSONSchema {
        JSONSchema("\"type\":\"object\",\"additionalProperties\":\(value.json)", description)
    }

    static let null = JSONSchema("\"type\":\"null\"", "")
    static let anything = JSONSchema("\"title\":\"any value\"", "")
    static let probability = number(rest: "\"minimum\":0,\"maximum\":1")
    static let instant = string(rest: "\"format\":\"date-time\"")
    static let instantOrNull = stringOrNull(rest: "\"format\":\"date-time\"")
    static let money = number("In units of the currency.")

    static func quoted(_ text: String) -> String {
        String(decoding: JSONWriter.text { $0.string(text) }, as: UTF8.self)
    }
}

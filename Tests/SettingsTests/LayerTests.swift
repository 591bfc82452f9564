import Testing

@testable import Settings

@Suite struct LayerTests {
    @Test func `a --set beats the environment, which beats the file, which beats the default`() throws {
        let reader = try reader(
            "{a: file, b: file, c: file}",
            environment: ["FUTURE_CART_A": "environment", "FUTURE_CART_B": "environment", "HOME": "/"],
            overrides: ["a=first", "a=x=y"])
        let values = ["a", "b", "c", "d"].map { reader.string($0, default: "code") }
        #expect(values == ["x=y", "environment", "file", "code"])
        #expect(
            reader.effective.map(\.origin) == [
                .override("a"), .environment("FUTURE_CART_B"), .position(file: "worker.yaml", line: 1, column: 20),
                .code,
            ])
        try reader.finish()
    }

    @Test func `a key is the same nested and dotted`() throws {
        let reader = try reader(
            """
            input:
              topic: carts
              commit:
                interval_ms: 5
            input.group: scorers
            """, environment: ["FUTURE_CART_INPUT_COMMIT_INTERVAL_MS": "7"])
        let input = reader.section("input")
        #expect(input.string("topic") == "carts")
        #expect(input.string("group") == "scorers")
        #expect(input.section("commit").int("interval_ms", default: 1) == 7)
        #expect(reader.string("input.topic") == "carts")
        try reader.finish()
    }

    @Test func `an environment variable goes to whichever key is read`() throws {
        let environment = ["FUTURE_CART_INPUT_TOPIC_NAME": "carts"]
        let nested = try reader(environment: environment)
        #expect(nested.section("input").section("topic").string("name") == "carts")
        try nested.finish()
        let joined = try reader(environment: environment)
        #expect(joined.section("input").string("topic_name") == "carts")
        try joined.finish()
    }

    @Test func `an environment variable that two keys claim is refused`() throws {
        let reader = try reader(environment: ["FUTURE_CART_A_B": "x"])
        _ = reader.string("a.b")
        _ = reader.string("a.b")
        _ = reader.string("a_b")
        #expect(problems(reader) == ["FUTURE_CART_A_B: names both 'a.b' and 'a_b'; unset it and use --set"])
    }

    @Test func `ignored variables are neither read nor refused`() throws {
        let reader = try reader(environment: ["FUTURE_CART_DATA": "/data"], ignoring: ["FUTURE_CART_DATA"])
        #expect(reader.string("data") == nil)
        try reader.finish()
    }

    @Test(arguments: ["", "# nothing\n", "---\n", "null", "{}"])
    func `an empty file is an empty mapping`(yaml: String) throws {
        try reader(yaml).finish()
    }

    @Test func `an empty section is a section`() throws {
        let reader = try reader("input:\noutput: {}\nkafka:\n")
        #expect(reader.section("input").string("topic") == nil)
        #expect(reader.section("output").string("topic") == nil)
        #expect(reader.properties("kafka").isEmpty)
        try reader.finish()
    }

    @Test func `effective settings are sorted and hide secrets`() throws {
        let reader = try reader(
            """
            kafka: {ssl.key.password: a, sasl.password: b, client.id: c}
            api: {Token: 5, secrets: [d, e]}
            """)
        _ = reader.properties("kafka")
        _ = reader.section("api").int("Token", default: 1)
        _ = reader.section("api").strings("secrets", default: [])
        _ = reader.duration("wait", default: 90_000)
        #expect(
            reader.effective.map { "\($0.key)=\($0.value)" } == [
                "api.Token=[redacted]", "api.secrets=[redacted]", "kafka.client.id=c",
                "kafka.sasl.password=[redacted]", "kafka.ssl.key.password=[redacted]", "wait=90s",
            ])
        try reader.finish()
    }
}

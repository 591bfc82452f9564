import Testing

@testable import Settings

@Suite struct PropertiesTests {
    @Test func `properties come from all layers, as written and sorted`() throws {
        let reader = try reader(
            """
            kafka:
              queued.min.messages: 100000
              socket.keepalive.enable: yes
              linger.ms: 0.50
              ssl_ca: a
              fetch:
                wait.max.ms: 10
            """,
            environment: [
                "FUTURE_CART_KAFKA_LINGER_MS": "7", "FUTURE_CART_KAFKA_SSL_CA": "b", "FUTURE_CART_KAFKA_CLIENT_ID": "c",
            ],
            overrides: ["kafka.queued.min.messages=5", "kafka.acks=all"])
        #expect(
            reader.properties("kafka").map { "\($0.name)=\($0.value)" } == [
                "acks=all", "client.id=c", "fetch.wait.max.ms=10", "linger.ms=7", "queued.min.messages=5",
                "socket.keepalive.enable=yes", "ssl_ca=b",
            ])
        try reader.finish()
    }

    @Test func `a variable of a key that was read is no property`() throws {
        let environment = ["FUTURE_CART_KAFKA_ADMIN_TIMEOUT": "1s", "FUTURE_CART_KAFKA_CLIENT_ID": "c"]
        let first = try reader(environment: environment)
        #expect(first.section("kafka_admin").duration("timeout", default: 5) == 1000)
        #expect(first.properties("kafka").map(\.name) == ["client.id"])
        try first.finish()
        let last = try reader(environment: environment)
        #expect(last.properties("kafka").map(\.name) == ["admin.timeout", "client.id"])
        _ = last.section("kafka_admin").duration("timeout", default: 5)
        #expect(problems(last).count == 1)
    }

    @Test func `a property is a single value`() throws {
        let reader = try reader("kafka:\n  debug: [broker, topic]\n  acks:\n")
        #expect(reader.properties("kafka").isEmpty)
        #expect(
            problems(reader) == [
                "worker.yaml:3:3: 'kafka.acks' takes text, not an empty value",
                "worker.yaml:2:3: 'kafka.debug' takes text, not a list",
            ])
    }

    @Test func `a section of properties is no single value`() throws {
        let reader = try reader("kafka: fast")
        #expect(reader.properties("kafka").isEmpty)
        #expect(problems(reader) == ["worker.yaml:1:1: unknown key 'kafka'; it is a section; set the keys in it"])
    }
}

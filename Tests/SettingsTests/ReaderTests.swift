import Testing

@testable import Settings

@Suite struct ReaderTests {
    enum Mode: String, CaseIterable { case shadow, live }

    @Test func `each type is read as it is written`() throws {
        let reader = try reader(
            """
            text: 5
            quoted: "null"
            int: -3
            double: 1e-3
            bool: true
            mode: live
            strings: [a, "b, c"]
            ints: [1, 2]
            """)
        #expect(reader.string("text") == "5")
        #expect(reader.string("quoted") == "null")
        #expect(reader.int("int", default: 0) == -3)
        #expect(reader.double("double", default: 0) == 0.001)
        #expect(reader.bool("bool", default: false))
        #expect(reader.choice("mode", default: Mode.shadow) == .live)
        #expect(reader.strings("strings", default: []) == ["a", "b, c"])
        #expect(reader.ints("ints", default: []) == [1, 2])
        try reader.finish()
    }

    @Test func `lists outside the file are separated by commas`() throws {
        let reader = try reader(
            "a: [x]", environment: ["FUTURE_CART_A": "b, c", "FUTURE_CART_E": ""], overrides: ["d=1,2"])
        #expect(reader.strings("a", default: []) == ["b", "c"])
        #expect(reader.ints("d", default: []) == [1, 2])
        #expect(reader.strings("e", default: ["f"]) == [])
        try reader.finish()
    }

    @Test(arguments: [
        ("0ms", 0), ("250ms", 250), ("1s", 1000), ("5m", 300_000), ("2h", 7_200_000), ("30d", 2_592_000_000),
    ])
    func `a duration reads as milliseconds`(text: String, milliseconds: Int) throws {
        let reader = try reader("wait: \(text)")
        #expect(reader.duration("wait", default: 7) == milliseconds)
        try reader.finish()
    }

    @Test(arguments: ["5", "s", "-1s", "1.5s", "1 s", "1w", "1S", "99999999999999d", "99ms", "2h"])
    func `a duration without a known unit, or out of range, is refused`(text: String) throws {
        let reader = try reader("wait: \(text)")
        #expect(reader.duration("wait", default: 1000, in: 100...3_600_000) == 1000)
        #expect(
            problems(reader) == [
                "worker.yaml:1:1: 'wait' takes a duration with its unit (such as 250ms, 1s, 5m, 2h or 30d) "
                    + "from 100ms to 1h, not '\(text)'"
            ])
    }

    @Test func `all bad values are reported at once, each with its place and what to write`() throws {
        let reader = try reader(
            """
            workers: 65
            limit: 1_000
            rate: nan
            share: 1.5
            live: yes
            mode: lve
            brokers: a,b
            empty:
            many: [1, 2]
            """,
            environment: ["FUTURE_CART_DEPTHS": "6,,8"],
            overrides: ["batch=0", "api.token=hunter2"])
        #expect(reader.int("workers", default: 1, in: 1...64) == 1)
        #expect(reader.int("limit", default: 1) == 1)
        #expect(reader.double("rate", default: 1) == 1)
        #expect(reader.double("share", default: 1, in: 0...1) == 1)
        #expect(!reader.bool("live", default: false))
        #expect(reader.choice("mode", default: Mode.shadow) == .shadow)
        #expect(reader.strings("brokers", default: []) == [])
        #expect(reader.string("empty") == nil)
        #expect(reader.int("many", default: 1) == 1)
        #expect(reader.ints("depths", default: [6], in: 1...16) == [6])
        #expect(reader.int("batch", default: 1, in: 1 ... .max) == 1)
        #expect(reader.int("api.token", default: 1, in: .min...9) == 1)
        #expect(
            problems(reader) == [
                "worker.yaml:1:1: 'workers' takes an integer from 1 to 64, not '65'",
                "worker.yaml:2:1: 'limit' takes an integer, not '1_000'",
                "worker.yaml:3:1: 'rate' takes a number, not 'nan'",
                "worker.yaml:4:1: 'share' takes a number from 0.0 to 1.0, not '1.5'",
                "worker.yaml:5:1: 'live' takes true or false, not 'yes'",
                "worker.yaml:6:1: 'mode' takes one of shadow, live, not 'lve'",
                "worker.yaml:7:1: 'brokers' takes a list; write it as [a, b], not a single value",
                "worker.yaml:8:1: 'empty' takes text, not an empty value",
                "worker.yaml:9:1: 'many' takes an integer, not a list",
                "FUTURE_CART_DEPTHS: 'depths' takes a list, each an integer from 1 to 16, not ''",
                "--set batch: 'batch' takes an integer, at least 1, not '0'",
                "--set api.token: 'api.token' takes an integer, at most 9, not '[redacted]'",
            ])
    }

    @Test func `keys that were never read are refused in every layer, with the nearest known one`() throws {
        let reader = try reader(
            """
            zebra: 1
            input:
              topci: a
              group: {id: b}
            output: c
            "bad\\nkey": d
            """,
            environment: ["FUTURE_CART_INPUT_TOPICS": "a", "FUTURE_CART_ELEPHANT": "1"],
            overrides: ["input.grup=b"])
        let input = reader.section("input")
        _ = input.string("topic")
        _ = input.string("group")
        _ = reader.section("output").string("topic")
        #expect(
            problems(reader) == [
                "worker.yaml:1:1: unknown key 'zebra'; remove it",
                "worker.yaml:3:3: unknown key 'input.topci'; did you mean 'input.topic'?",
                "worker.yaml:4:11: unknown key 'input.group.id'; 'input.group' takes a value, not a mapping",
                "worker.yaml:5:1: unknown key 'output'; it is a section; set the keys in it",
                "worker.yaml:6:1: unknown key 'bad\\nkey'; remove it",
                "--set input.grup: unknown key 'input.grup'; did you mean 'input.group'?",
                "FUTURE_CART_ELEPHANT: no such setting; unset it",
                "FUTURE_CART_INPUT_TOPICS: no such setting; did you mean 'FUTURE_CART_INPUT_TOPIC'?",
            ])
    }

    @Test(arguments: [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("topci", "topic", 2), ("a", "a", 0)])
    func `edits are counted as Levenshtein did`(left: String, right: String, edits: Int) {
        #expect(left.edits(to: right) == edits)
        #expect(right.edits(to: left) == edits)
    }
}

import Events
import Testing

@Suite struct JSONContainerTests {
    /// Calls the body with a cursor on the first byte, and returns where it stops or the reason of its error.
    func read(_ text: String, _ body: (inout JSONCursor) throws(EventError) -> Void) -> (at: Int, reason: String?) {
        Array(text.utf8).withUnsafeBytes { bytes in
            var cursor = JSONCursor(bytes)
            do throws(EventError) {
                try body(&cursor)
                return (cursor.at, nil)
            } catch {
                return (cursor.at, error.reason)
            }
        }
    }

    @Test func givesMembersInOrderWithTheirNamesUnescaped() {
        let text = "{ \"a\" : 1 , \"\\u0062\\n\":[2, {}] ,\"\":null}"
        var members: [String] = []
        let end = read(text) { cursor throws(EventError) in
            try cursor.forEachMember { name, value throws(EventError) in
                let start = value.at
                try value.skipValue()
                let bytes = UnsafeRawBufferPointer(rebasing: value.bytes[start..<value.at])
                members.append("\(name.text)=\(String(decoding: bytes, as: UTF8.self))")
            }
        }
        #expect(end.reason == nil && end.at == text.utf8.count)
        #expect(members == ["a=1", "b\n=[2, {}]", "=null"])
    }

    @Test func givesElementsInOrder() {
        let text = "[ 1 ,\"2\", [3] ]"
        var starts: [Int] = []
        let end = read(text) { cursor throws(EventError) in
            try cursor.forEachElement { element throws(EventError) in
                starts.append(element.at)
                try element.skipValue()
            }
        }
        #expect(end.reason == nil && end.at == text.utf8.count)
        #expect(starts == [2, 5, 10])
    }

    @Test(arguments: [
        ("", "expected an object at byte 0"), ("[]", "expected an object at byte 0"),
        ("{", "expected a string at byte 1"), ("{1:2}", "expected a string at byte 1"),
        ("{\"a\" 1}", "expected : at byte 5"), ("{\"a\":1", "expected , or } at byte 6"),
        ("{\"a\":1,}", "expected a string at byte 7"), ("{\"a\":}", "malformed value at byte 5"),
    ])
    func saysWhereAnObjectIsMalformed(text: String, reason: String) {
        let found = read(text) { cursor throws(EventError) in
            try cursor.forEachMember { _, value throws(EventError) in try value.skipValue() }
        }
        #expect(found.reason == "not JSON: \(reason)")
    }

    @Test(arguments: [
        ("{}", "expected an array at byte 0"), ("[", "ends too early at byte 1"), ("[1", "expected , or ] at byte 2"),
        ("[1,]", "malformed value at byte 3"), ("[1 2]", "expected , or ] at byte 3"),
    ])
    func saysWhereAnArrayIsMalformed(text: String, reason: String) {
        let found = read(text) { cursor throws(EventError) in
            try cursor.forEachElement { element throws(EventError) in try element.skipValue() }
        }
        #expect(found.reason == "not JSON: \(reason)")
    }

    @Test(arguments: [2, 15, 16, 17, 40])
    func refusesARepeatedNameWhereverItStands(count: Int) {
        let names = (0..<count).map { "\"k\($0)\":\($0)" }
        func read(_ last: String, _ policy: RepeatedNames) -> (at: Int, reason: String?) {
            self.read("{\((names + [last]).joined(separator: ","))}") { cursor throws(EventError) in
                try cursor.forEachMember(repeatedNames: policy) { _, value throws(EventError) in
                    try value.skipValue()
                }
            }
        }
        let before = names.joined(separator: ",").utf8.count + 2
        for place in [0, count / 2, count - 1] {
            let plain = read("\"k\(place)\":1", .refused)
            let end = before + "\"k\(place)\"".utf8.count
            #expect(plain.reason == "not JSON: \"k\(place)\" stands twice in one object at byte \(end)")
            #expect(plain.at == end)
            #expect(read("\"\\u006b\(place)\":1", .refused).reason?.contains("\"k\(place)\" stands twice") == true)
            #expect(read("\"k\(place)\":1", .allowed).reason == nil)
        }
        #expect(read("\"other\":1", .refused).reason == nil)
    }

    @Test func aRepeatedNameFoundByTheCallerIsPlacedBehindTheName() {
        let found = read("{\"a\" : 1}") { cursor throws(EventError) in
            try cursor.forEachMember { name, value throws(EventError) in throw value.repeated(name) }
        }
        #expect(found.reason == "not JSON: \"a\" stands twice in one object at byte 4")
        #expect(found.at == 4)
    }
}

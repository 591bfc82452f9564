import TestSupport
import Testing

/// How the code is kept, as rules that can be checked.
@Suite struct TidyTests {
    private let sources: [SwiftFile]
    private let tests: [SwiftFile]

    init() throws {
        sources = try Checkout.swiftFiles(in: "Sources")
        tests = try Checkout.swiftFiles(in: "Tests")
    }

    /// What each room may import of the others: arrows point one way, and what scores knows no Kafka, threads or HTTP.
    private static let allowedImports: [String: Set<String>] = {
        let line: Set<String> = ["CArithmetic", "CEvents", "CPrefetch"]
        let events: Set<String> = ["CEvents", "CZlib"]
        let registry: Set<String> = ["CCurl", "Events"]
        let customers: Set<String> = ["CPrefetch", "Events"]
        let features: Set<String> = ["CArithmetic", "Customers", "Events"]
        let ensemble = features.union(["CCrypto", "Features", "Settings"])
        let scoring: Set<String> = ["Customers", "Ensemble", "Events", "Features"]
        let monitoring = scoring.union(["CPrefetch", "Scoring"])
        let pipeline = scoring.union(["Monitoring", "Scoring"])
        let worker = pipeline.union(["Console", "Kafka", "Pipeline", "SchemaRegistry", "Settings"])
        let commands = worker.union(["CJemalloc", "HTTPService", "Inspection", "LocalCluster", "Topics", "Worker"])
        return [
            "Events": events, "Customers": customers, "Features": features, "Ensemble": ensemble, "Scoring": scoring,
            "Settings": [], "SchemaRegistry": registry,
            "Console": ["Customers", "Events", "SchemaRegistry", "Settings"], "Monitoring": monitoring,
            "Pipeline": pipeline, "Kafka": ["CCrypto", "CRDKafka"], "LocalCluster": ["Kafka"],
            "Inspection": ["Events", "Features", "Kafka"],
            "Topics": ["Events", "Kafka", "Pipeline"], "Worker": worker,
            "Training": scoring.union(["CXGBoost", "Monitoring"]),
            "HTTPService": pipeline.union(["Settings", "Worker"]),
            "scoring-worker": commands, "replay": commands, "trainer": commands.union(["Training"]),
            "benchmark": commands.union(["Training"]).union(line),
        ]
    }()

    @Test func aRoomImportsOnlyWhatItStandsOn() throws {
        let rooms = Set(Self.allowedImports.keys).union(Self.allowedImports.values.joined())
        for file in sources {
            let allowed = try #require(Self.allowedImports[file.room], "no rule for \(file.room)")
            for module in file.imports where rooms.contains(String(module)) {
                #expect(allowed.contains(String(module)), "\(file.path) imports \(module)")
            }
        }
    }

    @Test func noFileIsOverFourHundredLines() throws {
        for file in sources + tests {
            #expect(file.lines.count <= 401, "\(file.path) has \(file.lines.count - 1) lines")
        }
    }

    @Test func noFunctionIsOverSeventyLines() throws {
        for file in sources {
            for function in file.functions {
                #expect(
                    function.length <= 70,
                    "\(file.path):\(function.line): \(function.name) has \(function.length) lines")
            }
        }
    }

    /// A name that stands only where it is declared has no user. Requirements of other modules' protocols have one that is not
    /// in sight.
    @Test func noDeclarationIsDead() throws {
        let files = sources
        var counts: [String: Int] = [:]
        for file in files { for word in file.words { counts[word.text, default: 0] += 1 } }
        let keywords: Set = ["func", "let", "var", "struct", "class", "enum", "protocol", "typealias"]
        for file in files {
            let words = file.words
            for (word, next) in zip(words, words.dropFirst()) where keywords.contains(word.text) {
                guard counts[next.text] == 1, !Self.requiredElsewhere.contains(next.text) else { continue }
                Issue.record("\(file.path):\(file.line(of: next.at)): \(next.text) has no user")
            }
        }
    }

    /// Names that other modules call: SwiftNIO's handlers, swift-metrics' factories, argument parsing, Swift itself.
    private static let requiredElsewhere: Set = [
        "InboundIn", "InboundOut", "OutboundIn", "OutboundOut", "handlerRemoved", "channelInactive", "channelRead",
        "channelReadComplete", "userInboundEventTriggered", "errorCaught", "enqueue", "makeCounter",
        "makeFloatingPointCounter", "makeRecorder", "makeMeter", "makeTimer", "destroyCounter",
        "destroyFloatingPointCounter", "destroyRecorder", "destroyMeter", "destroyTimer", "decrement",
        "callAsFunction", "defaultValueDescription", "BenchmarkCommand", "ReplayCommand", "ScoringWorkerCommand",
        "TrainerCommand",
    ]

    @Test func everythingThatOtherRoomsUseIsDocumented() throws {
        for file in sources {
            for (index, line) in file.lines.enumerated() {
                let words = line.split { " (".contains($0) }.drop { $0.hasPrefix("@") }
                guard let access = words.first, access == "package" || access == "public" else { continue }
                #expect(
                    file.isDocumented(declarationAt: index),
                    "\(file.path):\(index + 1): \(line.drop { $0 == " " })")
            }
        }
    }

    /// Words of our own making for what the field has a term for, in names and comments. What people read or files hold keeps
    /// its words.
    @Test func theFieldsWordsAreUsed() throws {
        let banned = [
            "goBack", "giveUpUncommitted", "takenUpTo", "liveFrom", "commitsInPassing", "patiently", "driven again",
            "made anew", "done anew", "look back", "looks back", "made to last", "twin",
        ]
        for file in sources {
            for (index, line) in file.linesWithoutStrings.enumerated() {
                for word in banned where line.contains(word) {
                    Issue.record("\(file.path):\(index + 1): \"\(word)\"")
                }
            }
        }
    }
}

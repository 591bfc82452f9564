import Customers
import Ensemble
import Events
import Foundation
import Scoring
import TestSupport
import Testing

/// Holds what is written against the schemas in `config/`, by Python's jsonschema (Debian: python3-jsonschema).
@Suite struct JSONSchemaTests {
    static let validator = """
        import json, sys
        from jsonschema import Draft202012Validator
        schema = json.load(open(sys.argv[1]))
        Draft202012Validator.check_schema(schema)
        bad = 0
        for number, line in enumerate(open(sys.argv[2], encoding="utf-8")):
            errors = list(Draft202012Validator(schema).iter_errors(json.loads(line)))
            if errors:
                bad += 1
                print(number, errors[0].message)
        sys.exit(1 if bad else 0)
        """

    func validate(_ lines: [[UInt8]], against schema: String) throws -> (status: Int32, output: String) {
        let directory = try TemporaryDirectory()
        let path = try directory.file("lines", Array(lines.joined(separator: [0x0A])))
        return try PythonScript.run(
            Self.validator, [Checkout.root.appendingPathComponent("config/\(schema)").path, path])
    }

    @Test func eventsAndPredictionsThatAreWrittenAreValid() throws {
        let artifact = try ModelArtifact(path: Checkout.models)
        var scorer = Scorer(artifact: artifact)
        var explaining = try Scorer(artifact: artifact, explainedFeatures: 91)
        var (table, other) = (CustomerTable(), CustomerTable())
        var (events, predictions): ([[UInt8]], [[UInt8]]) = ([], [])
        let encoder = EventEncoder()
        let shop = ShopGenerator(customers: 30, days: 90, seed: 8)
        let eventDecoder = EventDecoder()
        while let fields = shop.nextFields() {
            var message: [UInt8] = []
            encoder.append(fields, to: &message)
            events.append(message)
            let event = try eventDecoder.event(of: fields)
            if event.isAnonymous { continue }
            scorer.add(event, tag: 0, to: &table)
            explaining.add(event, tag: 0, to: &other)
        }
        explaining.score { predictions.append(Array($0.payload)) }
        scorer.score { predictions.append(Array($0.payload)) }
        let directory = try TemporaryDirectory()
        let header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        let csv = try directory.file(
            "h.csv",
            header + "C1,A,,-1,2010-12-01 08:26:00,0.001,,\n2,B,\"x \"\"y\"\"\",3,2011-01-01 10:00:00,-2.5,17.0,UK")
        let reader = try HistoryReader(path: csv)
        while let message = try reader.nextMessage() { events.append(Array(message)) }
        let eventResult = try validate(events, against: "event.schema.json")
        #expect(eventResult.status == 0, "\(eventResult.output)")
        let predictionResult = try validate(predictions, against: "prediction.schema.json")
        #expect(predictionResult.status == 0, "\(predictionResult.output)")
    }

    @Test func theSchemasRefuseWhatIsWrong() throws {
        let event = String(decoding: SampleEvent().json, as: UTF8.self)
        for (part, other) in [
            ("\"quantity\":6", "\"quantity\":\"six\""), ("\"invoice_no\":\"536365\"", "\"invoice_no\":\"\""),
        ] {
            #expect(
                try validate([Array(event.replacing(part, with: other).utf8)], against: "event.schema.json").status == 1
            )
        }
        #expect(try validate([Array("{}".utf8)], against: "prediction.schema.json").status == 1)
    }
}

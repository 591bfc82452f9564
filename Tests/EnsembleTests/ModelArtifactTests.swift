import Events
import Foundation
import TestSupport
import Testing

@testable import Ensemble

@Suite struct ModelArtifactTests {
    let directory: TemporaryDirectory
    let artifact: String

    /// A copy of the committed artifact to break.
    init() throws {
        directory = try TemporaryDirectory()
        artifact = directory.path + "/artifact"
        let committed = try ModelArtifact(path: Checkout.models)
        try FileManager.default.copyItem(atPath: committed.directory, toPath: artifact)
    }

    func change(_ name: String, _ body: (inout [UInt8]) -> Void) throws {
        let url = URL(fileURLWithPath: "\(artifact)/\(name)")
        var bytes = Array(try Data(contentsOf: url))
        body(&bytes)
        try Data(bytes).write(to: url)
    }

    func error() -> ArtifactError? {
        do {
            _ = try ModelArtifact(path: artifact)
            return nil
        } catch { return error }
    }

    @Test func isReadAndServes() throws {
        let loaded = try ModelArtifact(path: artifact)
        #expect(loaded.manifest.servingModel == .blending)
        #expect(loaded.manifest.goldenRows.count == 32)
    }

    @Test(arguments: [
        "manifest.json", "manifest.sha256", "logistic_regression.json", "random_forest.ubj", "xgboost.ubj",
        "results.json",
    ])
    func noticesOneFlippedByteInAnyFile(name: String) throws {
        let original = try Data(contentsOf: URL(fileURLWithPath: "\(artifact)/\(name)"))
        var random = SplitMix64(seed: 1)
        for _ in 0..<12 {
            let at = Int(random.next() % UInt64(original.count))
            try change(name) { $0[at] ^= UInt8(1 << (random.next() % 8)) }
            let found = try #require(error(), "byte \(at) of \(name)")
            #expect(found.reason.contains("damaged"), "\(found)")
            try original.write(to: URL(fileURLWithPath: "\(artifact)/\(name)"))
        }
        #expect(error() == nil)
    }

    @Test func noticesATruncatedAndAMissingFile() throws {
        try change("xgboost.ubj") { $0.removeLast() }
        #expect(error()?.path.hasSuffix("xgboost.ubj") == true)
        try FileManager.default.removeItem(atPath: "\(artifact)/xgboost.ubj")
        #expect(error()?.reason.contains("cannot be read") == true)
    }

    /// Changes the manifest's text and seals it again, as if another program had made it.
    func reseal(replacing part: String, with other: String) throws {
        try change("manifest.json") { bytes in
            bytes = Array(String(decoding: bytes, as: UTF8.self).replacing(part, with: other).utf8)
        }
        let manifest = Array(try Data(contentsOf: URL(fileURLWithPath: "\(artifact)/manifest.json")))
        try change("manifest.sha256") { $0 = Array(ModelArtifact.digestLine(manifest).utf8) }
    }

    @Test func refusesAnotherSchemaHorizonOrFormatWithTheFix() throws {
        let manifest = try ModelArtifact(path: artifact).manifest
        try reseal(replacing: manifest.schemaFingerprint, with: "0123456789abcdef")
        let found = try #require(error())
        #expect(found.reason.contains("feature schema is 0123456789abcdef"))
        #expect(found.reason.contains("train anew"))
        try reseal(replacing: "0123456789abcdef", with: manifest.schemaFingerprint)
        try reseal(replacing: "\"horizonDays\" : 30", with: "\"horizonDays\" : 60")
        // Its features look 30 days ahead.
        #expect(error()?.reason.contains("feature schema") == true)
        try reseal(replacing: "\"horizonDays\" : 60", with: "\"horizonDays\" : 366")
        #expect(error()?.reason.contains("horizon of 366 days") == true)
        try reseal(replacing: "\"horizonDays\" : 366", with: "\"horizonDays\" : 30")
        try reseal(replacing: "\"format\" : 1", with: "\"format\" : 2")
        #expect(error()?.reason.contains("artifact format is 2") == true)
    }

    @Test func refusesAnArtifactThatScoresItsGoldenRowsDifferently() throws {
        let manifest = try ModelArtifact(path: artifact).manifest
        let weight = manifest.weights["stacking"]!.randomForest
        try reseal(replacing: "\(weight)", with: "\(weight.nextUp)")
        #expect(error()?.reason.contains("golden row") == true)
    }

    @Test func refusesFilesOutsideItself() throws {
        try reseal(replacing: "\"xgboost.ubj\"", with: "\"../artifact/xgboost.ubj\"")
        #expect(error()?.reason.contains("outside the artifact") == true)
    }

    @Test func saysWhatToDoWhereThereIsNone() {
        #expect(throws: ArtifactError.self) { try ModelArtifact(path: directory.path + "/nothing") }
        do { _ = try ModelArtifact(path: directory.path + "/nothing") } catch {
            #expect(error.reason.contains("trainer train --history FILE --models"))
        }
    }
}

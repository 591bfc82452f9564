import Ensemble
import Foundation
import TestSupport
import Testing

@Suite struct ArtifactStoreTests {
    let directory: TemporaryDirectory
    let store: ArtifactStore

    init() throws {
        directory = try TemporaryDirectory()
        store = ArtifactStore(directory: directory.path)
    }

    /// Copies of the committed artifact under other names, each written a second after the one before.
    private func add(_ versions: String...) throws {
        let committed = try ModelArtifact(path: Checkout.models).directory
        for version in versions {
            try FileManager.default.copyItem(atPath: committed, toPath: "\(directory.path)/\(version)")
            let written = Date(timeIntervalSince1970: 1e9 + Double(store.versions.count))
            try FileManager.default.setAttributes(
                [.modificationDate: written], ofItemAtPath: "\(directory.path)/\(version)/manifest.json")
        }
    }

    @Test func promotesAndGoesBackStepByStep() throws {
        try add("a", "b", "c")
        #expect(store.current == nil && store.previous == nil)
        #expect(throws: ArtifactError.self) { try store.rollBack() }
        for version in ["a", "b", "c"] { try store.promote(version, reason: "by hand") }
        #expect(store.current == "c" && store.previous == "b")
        #expect(try store.rollBack() == "b")
        #expect(try store.rollBack() == "a")
        #expect(throws: ArtifactError.self) { try store.rollBack() }
        #expect(store.current == "a")
        try store.promote("c", reason: "by hand")
        #expect(try store.rollBack() == "a")
        #expect(store.promotions.map(\.version) == ["a", "b", "c", "b", "a", "c", "a"])
    }

    @Test func goesFurtherBackWhereTheVersionBeforeIsDamaged() throws {
        try add("a", "b", "c")
        for version in ["a", "b", "c"] { try store.promote(version, reason: "by hand") }
        try Data([1]).write(to: URL(fileURLWithPath: "\(directory.path)/b/xgboost.ubj"))
        #expect(try store.rollBack() == "a")
        #expect(store.rolledBack == ["c"])
        try store.promote("c", reason: "by hand")
        #expect(store.rolledBack.isEmpty)
    }

    @Test func refusesWhatCannotBeServed() throws {
        try add("a", "b")
        try store.promote("a", reason: "by hand")
        #expect { try store.promote("x", reason: "by hand") } throws: { "\($0)".contains("there are: b, a") }
        try Data([1]).write(to: URL(fileURLWithPath: "\(directory.path)/b/xgboost.ubj"))
        #expect(throws: ArtifactError.self) { try store.promote("b", reason: "by hand") }
        #expect(store.current == "a" && store.promotions.count == 1)
    }

    @Test func prunesAllButTheLatestAndThoseInService() throws {
        try add("a", "b", "c", "d", "e")
        #expect(store.versions == ["e", "d", "c", "b", "a"])
        try store.promote("a", reason: "by hand")
        try store.promote("b", reason: "by hand")
        #expect(try store.prune(keeping: 1) == ["d", "c"])
        #expect(store.versions == ["e", "b", "a"])
        #expect(try store.prune(keeping: 1) == [])
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted() == [
                "a", "b", "current", "e", "promotions.log",
            ])
    }

    /// A directory in which something was served before there was a log.
    @Test func goesBackToWhatWasServedBeforeTheLogBegan() throws {
        try add("a", "b")
        try FileManager.default.createSymbolicLink(
            atPath: "\(directory.path)/current", withDestinationPath: "a")
        try store.promote("b", reason: "by hand")
        #expect(try store.rollBack() == "a")
    }
}

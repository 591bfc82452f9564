import Ensemble
import Foundation
import TestSupport
import Testing

/// Models beside one another, by the commands that people and jobs use.
@Suite(.waiting) struct ModelCommandTests {
    private let directory: TemporaryDirectory
    private let models: String
    private let first: String

    init() throws {
        directory = try TemporaryDirectory()
        models = directory.path + "/models"
        first = try OtherModel.add(to: models)
        try OtherModel.add(to: models, version: "other", serving: .randomForest, isCurrent: false)
    }

    @Test func aComparisonSaysWhatWouldChange() throws {
        let history = directory.path + "/h.ndjson.gz"
        #expect(
            try Command("replay", ["generate", "--customers", "200", "--days", "300", "--output", history]).status == 0)
        func compare(_ versions: [String], _ more: [String] = []) throws -> Command {
            try Command(
                "scoring-worker",
                ["models", "compare"] + versions + ["--history", history, "--set", "models=\(models)"] + more)
        }
        let same = try compare([first, first])
        #expect(same.status == 0 && same.output.contains("score shift (stability index)   0.0000"), "\(same.error)")
        let other = try compare([first, "\(models)/other"], ["--set", "blast_radius.max_score_shift=100"])
        #expect(other.status == 0 && other.output.contains("All of it is within the limits."), "\(other.error)")
        #expect(other.output.contains("(random_forest)") && other.output.contains("What moves most"))
        let beyond = try compare([first, "other"], ["--set", "blast_radius.max_flips=0"])
        #expect(beyond.status == 1 && beyond.output.contains("Beyond the limits"), "\(beyond.output)")
        let nobody = try compare([first, "nowhere"])
        #expect(nobody.status != 0 && nobody.error.contains("nowhere: holds no model artifact"), "\(nobody.error)")
    }

    @Test func rolesAreGivenAndTaken() throws {
        func trainer(_ arguments: String...) throws -> Command {
            try Command("trainer", arguments + ["--models", models])
        }
        #expect(try trainer("canary", "other", "--share", "0.05").output == "other serves 500 of 10000 customers\n")
        #expect(try trainer("list").output.contains("other  canary"))
        #expect(try trainer("challenge", "other").status == 0)
        #expect(try ArtifactStore(directory: models).roles() == ModelRoles(challengers: ["other"]))
        #expect(try trainer("challenge", first).error.contains("is in service"))
        #expect(try trainer("canary", "other", "--share", "1.5").status == 64)
        #expect(try trainer("promote", "--from-challenger").output == "other is in service\n")
        #expect(try ArtifactStore(directory: models).roles() == ModelRoles())
        #expect(try trainer("promote", "--from-challenger").error.contains("has no challenger"))
        #expect(try trainer("promote", first, "--whatever-it-changes").status == 0)
        #expect(ArtifactStore(directory: models).promotions.last?.isUnconditional == true)
        #expect(try trainer("retire", "other").error.contains("neither canary nor challenger"))
        try Data("[]".utf8).write(to: URL(fileURLWithPath: models + "/roles.json"))
        let damaged = try trainer("challenge", "other")
        #expect(damaged.status == 1 && damaged.error.contains("roles.json: cannot be understood: remove it"))
        // The way back is open all the same.
        #expect(try trainer("rollback").output == "other is in service\n")
    }
}

import Ensemble
import Events
import Features
import Foundation
import TestSupport
import Testing

/// A Python with both libraries.
private enum Python {
    static let path = ProcessInfo.processInfo.environment["FUTURE_CART_TEST_PYTHON"].flatMap { $0.isEmpty ? nil : $0 }
    static let skipped: Comment = "set FUTURE_CART_TEST_PYTHON to a Python with xgboost and lightgbm"
}

/// Models that XGBoost and LightGBM themselves have trained, beside what those libraries make of the same rows.
@Suite(.waiting) struct ImportTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        _ = try directory.file("names.json", Array(try JSONEncoder().encode(FeatureSchema(.standard).names)))
    }

    func train(_ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Python.path))
        process.arguments =
            [Checkout.root.appendingPathComponent("Tests/Parity/train_models.py").path] + arguments
        let errors = try directory.file("errors", "")
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle(forWritingAtPath: errors)
        try process.run()
        process.waitUntilExit()
        let said = try String(contentsOfFile: errors, encoding: .utf8)
        try #require(process.terminationStatus == 0, "\(said)")
    }

    func matrix(_ file: NumPyFile) -> FeatureMatrix {
        var matrix = FeatureMatrix()
        for row in 0..<file.shape[0] {
            matrix.append(row: file.values[(row * file.shape[1])...].prefix(file.shape[1]).map { Float($0) }[...])
        }
        return matrix
    }

    /// How far contributions are from the library's own, where it has some.
    func contributionError(_ model: ImportedModel, _ rows: FeatureMatrix, _ path: String, leastRows: Int) throws
        -> Double
    {
        let theirs = try NumPyFile(path: path)
        let explainer = try Explainer(alone: model)
        let workspace = Explainer.Workspace(for: explainer)
        let width = FeatureSchema.count
        try #require(theirs.shape == [rows.rowCount, width + 1])
        var (error, explained) = (0.0, 0)
        for row in 0..<rows.rowCount where !theirs.values[row * (width + 1)].isNaN {
            let ours = explainer.explain(Array(rows[row]), workspace)
            for (feature, value) in (ours.contributions + [ours.baseLogOdds]).enumerated() {
                error = max(error, abs(value - theirs.values[row * (width + 1) + feature]))
            }
            explained += 1
        }
        try #require(explained >= leastRows / 2)
        return error
    }

    /// The libraries' own files and figures, as `train_models.py fixtures` wrote them.
    @Test func smallModelsEqualTheLibrariesThatTrainedThem() throws {
        let fixtures = Checkout.root.appendingPathComponent("Tests/CommandTests/Fixtures").path
        #expect(try expectLibraryFigures(in: fixtures, leastRows: 80) == 4)
    }

    @Test(.night, .enabled(if: Python.path != nil, Python.skipped))
    func importedModelsEqualTheLibrariesThatTrainedThem() throws {
        try train("matrix", directory.path)
        #expect(try expectLibraryFigures(in: directory.path, leastRows: 500) == 14)
        try expectRefusals()
    }

    /// Compares every model in a directory with what its library makes of the rows beside it.
    /// - Returns: how many there are.
    func expectLibraryFigures(in directory: String, leastRows: Int) throws -> Int {
        let files = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
        var models = 0
        var seen: Set<ModelName> = []
        for file in files where !file.hasPrefix("refused_") && file != "names.json" {
            let parts = file.split(separator: ".")
            guard parts.count == 2, ["json", "ubj", "txt"].contains(parts[1]) else { continue }
            models += 1
            let model = try ImportedModel(path: "\(directory)/\(file)")
            seen.insert(model.name)
            let rows = matrix(try NumPyFile(path: "\(directory)/\(parts[0]).rows.npy"))
            let margins = try NumPyFile(path: "\(directory)/\(parts[0]).margins.npy").values
            let probabilities = try NumPyFile(path: "\(directory)/\(parts[0]).probabilities.npy").values
            try #require(
                rows.rowCount == margins.count && margins.count == probabilities.count && margins.count >= leastRows)
            let found = CompiledForest(model.parts).margins(rows)
            var scores: [Scores] = []
            let ensemble = model.ensemble
            var workspace = Ensemble.Workspace(for: ensemble)
            ensemble.score(rows, into: &scores, workspace: &workspace)
            // A leaf is rounded once, and each sum of a part: by half a unit in the last of 24 bits of what is added.
            let largest = model.parts.flatMap(\.trees).reduce(0.0) { sum, tree in
                sum + Double(tree.nodes.filter(\.isLeaf).map { abs($0.threshold) }.max() ?? 0)
            }
            let tolerance = model.name == .xgboost ? 0 : largest * 65 * 0x1p-24
            var (marginError, probabilityError) = (0.0, 0.0)
            for row in margins.indices {
                let margin = found.reduce(0.0) { $0 + Double($1[row]) }
                marginError = max(marginError, abs(margin - margins[row]))
                probabilityError = max(probabilityError, abs(scores[row][model.name] - probabilities[row]))
            }
            #expect(marginError <= tolerance, "\(file): \(marginError)")
            #expect(probabilityError <= 1e-6, "\(file): \(probabilityError)")
            print("\(file): margins within \(marginError), probabilities within \(probabilityError)")
            let contributionError = try contributionError(
                model, rows, "\(directory)/\(parts[0]).contributions.npy", leastRows: leastRows)
            // XGBoost explains in 32-bit floats, LightGBM in 64.
            #expect(contributionError <= (model.name == .xgboost ? 1e-4 : 1e-6), "\(file): \(contributionError)")
            if file.contains("stopped") { #expect(model.notes.contains { $0.contains("best_iteration") }, "\(file)") }
        }
        #expect(seen == [.xgboost, .lightgbm])
        return models
    }

    func expectRefusals() throws {
        for (name, message) in [
            ("categorical.json", "categorical splits"), ("dart.json", "booster must be gbtree, found dart"),
            ("squared.ubj", "objective must be binary:logistic, found reg:squarederror"),
            ("one_output_per_tree.ubj", "one output"), ("multi_output_tree.ubj", "one output"),
            ("unnamed.ubj", "learned from 5 features without names"),
            ("misspelt.json", "\"recensy_days\" (nearest: recency_days)"),
            ("lgb_categorical.txt", "categorical splits"), ("lgb_linear.txt", "linear leaves"),
            ("lgb_zero.txt", "zero_as_missing"), ("lgb_multiclass.txt", "num_class 3"),
            ("lgb_regression.txt", "objective must be binary"),
        ] {
            let error = #expect(throws: ArtifactError.self, "\(name)") {
                try ImportedModel(path: "\(directory.path)/refused_\(name)")
            }
            #expect(error?.reason.contains(message) == true, "\(name): \(error?.description ?? "")")
        }
    }

    @Test(.night, .enabled(if: Python.path != nil, Python.skipped))
    func anImportedModelServesAloneAndSaysWhatItsLibrarySays() throws {
        let history = directory.path + "/history.csv"
        let rows = directory.path + "/rows.npy"
        let output = directory.path + "/out.ndjson"
        let models = directory.path + "/models"
        try expectSuccess(
            "replay", "generate", "--customers", "300", "--days", "330", "--seed", "12", "--output", history)
        try expectSuccess(
            "replay", "score", "--history", history, "--models", Checkout.models, "--output", output, "--features", rows
        )
        try train("shop", directory.path, rows)
        for (file, name) in [("shop.json", "xgboost"), ("shop.txt", "lightgbm")] {
            let model = "\(directory.path)/\(file)"
            let done = try Command(
                "trainer", ["import", "--model", model, "--history", history, "--models", models])
            #expect(done.status == 0, "\(done.error)")
            #expect(done.output.contains("\(name)*") && !done.output.contains("blending"), "\(done.output)")
            // `current` is not moved: the artifact is named.
            #expect(!FileManager.default.fileExists(atPath: models + "/current"))
            let version = try #require(
                try FileManager.default.contentsOfDirectory(atPath: models).first { !$0.hasPrefix(".") })
            let artifact = "\(models)/\(version)"
            #expect(try ModelArtifact(path: artifact).manifest.origin?.version.isEmpty == false)
            try expectSuccess(
                "replay", "score", "--history", history, "--models", artifact, "--output", output, "--features", rows)
            try train("predict", model, rows, directory.path + "/expected.npy")
            let expected = try NumPyFile(path: directory.path + "/expected.npy").values
            let lines = try String(contentsOfFile: output, encoding: .utf8).split(separator: "\n")
            try #require(lines.count == expected.count)
            var largest = 0.0
            for (line, expected) in zip(lines, expected) {
                let payload = try JSONDecoder().decode(Payload.self, from: Data(line.utf8))
                #expect(payload.members == [name: payload.probability])
                largest = max(largest, abs(payload.probability - expected))
            }
            #expect(largest <= 1e-6, "\(name): \(largest)")
            let judged = try Command("trainer", ["evaluate", "--history", history, "--models", artifact])
            #expect(judged.status == 0 && judged.output.contains("\(name)*"), "\(judged.error)")
            try FileManager.default.removeItem(atPath: models)
        }
    }

    struct Payload: Decodable {
        let probability: Double
        let members: [String: Double]

        enum CodingKeys: String, CodingKey {
            case probability = "purchase_probability"
            case members
        }
    }

    func expectSuccess(_ name: String, _ arguments: String...) throws {
        let command = try Command(name, arguments)
        #expect(command.status == 0, "\(command.error)")
    }
}

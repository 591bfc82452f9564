import ArgumentParser
import Console
import Customers
import Ensemble
import Events
import Features
import Foundation
import Training

struct EnsembleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ensemble",
        abstract:
            "What tree models and the whole ensemble cost a row, in batches and alone, beside libxgboost on the same rows."
    )

    @Option(help: "History whose feature rows are scored. Without one a shop is made up.")
    var history: String?

    @Option(help: "Directory of model artifacts.")
    var models = "models"

    @Option(help: "Rows.")
    var rows = 16_384

    @Option(help: "Repetitions.")
    var repetitions = 7

    @Flag(help: "Print JSON.")
    var json = false

    /// Trees of the shapes that published figures are of.
    private static let shapes: [(name: String, parameters: [(String, String)], rounds: Int)] = [
        ("200 trees of depth 6", [("max_depth", "6"), ("eta", "0.05")], 200),
        (
            "forest of 300 trees of depth 8",
            [
                ("max_depth", "8"), ("eta", "1"), ("num_parallel_tree", "300"), ("subsample", "0.6"),
                ("colsample_bynode", "0.3"),
            ], 1
        ),
    ]

    func run() throws {
        try reportingFailures {
            let progress = Progress()
            progress.show("making feature rows")
            let artifact = try ModelArtifact(path: models)
            let matrix = try featureRows(artifact)
            var figures: [Figure] = []
            for shape in Self.shapes {
                progress.show("training \(shape.name)")
                let booster = try train(shape.parameters, rounds: shape.rounds, matrix)
                let model = try XGBoostModelFile.parse(booster.modelFile(), path: shape.name)
                progress.show("scoring by \(shape.name)")
                figures += try compare(shape.name, model, booster, matrix)
            }
            progress.show("scoring by the artifact")
            figures += ensemble(artifact, matrix)
            progress.finish()
            try figures.write(asJSON: json)
        }
    }

    private func featureRows(_ artifact: ModelArtifact) throws -> FeatureMatrix {
        let messages = try Messages(history: history)
        let decoder = EventDecoder()
        let extractor = FeatureExtractor(tables: artifact.tables)
        var table = CustomerTable()
        var matrix = FeatureMatrix(reservingRows: rows)
        let step = max(1, messages.ends.count / rows)
        var ordinal = 0
        try messages.each { message in
            let event = try decoder.decode(message)
            if event.isAnonymous { return }
            let customer = table.update(event)
            ordinal += 1
            if ordinal % step == 0, matrix.rowCount < rows {
                matrix.appendRow { extractor.extract(table.states[customer], into: $0) }
            }
        }
        return matrix
    }

    /// Fitted to noise, so that trees become as large as their settings allow.
    private func train(_ parameters: [(String, String)], rounds: Int, _ matrix: FeatureMatrix) throws -> Booster {
        var random = SplitMix64(seed: 1)
        let labels = (0..<matrix.rowCount).map { _ in random.next() % 2 == 0 }
        let common = [
            ("objective", "binary:logistic"), ("base_score", "0.5"), ("tree_method", "hist"), ("max_bin", "128"),
            ("min_child_weight", "0"), ("nthread", "1"), ("seed", "1"), ("verbosity", "0"),
        ]
        let booster = try Booster(
            data: TrainingMatrix(matrix, labels: labels, weights: []), parameters: common + parameters)
        for round in 0..<rounds { try booster.update(round: round) }
        return booster
    }

    private func compare(_ name: String, _ model: TreeModel, _ booster: Booster, _ matrix: FeatureMatrix) throws
        -> [Figure]
    {
        let forest = CompiledForest([model])
        let count = matrix.rowCount
        let few = min(count, 2048)
        var (batch, alone, theirBatch, theirAlone) = ([Double](), [Double](), [Double](), [Double]())
        try matrix.values.withUnsafeBufferPointer { values in
            let rows = values.baseAddress.unsafelyUnwrapped
            let width = FeatureSchema.count
            for _ in 0..<repetitions {
                var ours: [[Float]] = []
                batch.append(seconds { ours = forest.margins(matrix) } * 1e9 / Double(count))
                var single = [Float](repeating: 0, count: few)
                let workspace = CompiledForest.Workspace(for: forest)
                alone.append(
                    seconds {
                        for row in 0..<few { single[row] = forest.margin(rows + row * width, workspace) }
                    } * 1e9 / Double(few))
                theirBatch.append(
                    try seconds {
                        for first in stride(from: 0, to: count, by: 1024) {
                            let size = min(1024, count - first)
                            let theirs = try booster.marginsInPlace(rows + first * width, count: size)
                            precondition(theirs.elementsEqual(ours[0][first..<(first + size)]))
                        }
                    } * 1e9 / Double(count))
                theirAlone.append(
                    try seconds {
                        for row in 0..<few {
                            let theirs = try booster.marginsInPlace(rows + row * width, count: 1)
                            precondition(theirs[0] == single[row])
                        }
                    } * 1e9 / Double(few))
            }
        }
        let leaves = model.trees.reduce(0) { $0 + $1.nodes.count { $0.isLeaf } } / model.trees.count
        let title = "\(name) (\(model.trees.count) trees, \(leaves) leaves on average)"
        let library = "libxgboost \(Booster.xgboostVersion), one thread"
        let theirs = Figure("\(title): \(library), batches of 1024", unit: "ns/row", theirBatch)
        let theirsAlone = Figure("\(title): \(library), a row alone", unit: "ns/row", theirAlone)
        return [
            theirs, Figure("\(title): in batches", unit: "ns/row", batch).relative(to: theirs),
            theirsAlone, Figure("\(title): a row alone", unit: "ns/row", alone).relative(to: theirsAlone),
        ]
    }

    private func ensemble(_ artifact: ModelArtifact, _ matrix: FeatureMatrix) -> [Figure] {
        let ensemble = artifact.ensemble
        var workspace = Ensemble.Workspace(for: ensemble)
        var scores: [Scores] = []
        let count = Double(matrix.rowCount)
        let singles = (0..<min(512, matrix.rowCount)).map { row in
            var single = FeatureMatrix()
            single.append(row: matrix[row])
            return single
        }
        var (batch, trees, alone) = ([Double](), [Double](), [Double]())
        for _ in 0..<repetitions {
            batch.append(
                seconds { ensemble.score(matrix, into: &scores, workspace: &workspace) } * 1e9 / count)
            trees.append(seconds { _ = ensemble.forest.margins(matrix) } * 1e9 / count)
            alone.append(
                seconds {
                    for single in singles { ensemble.score(single, into: &scores, workspace: &workspace) }
                } * 1e9 / Double(singles.count))
        }
        let all = Figure("artifact, all five models: in batches", unit: "ns/row", batch)
        return [
            all, Figure("artifact, its trees alone: in batches", unit: "ns/row", trees).relative(to: all),
            Figure("artifact, all five models: a row alone", unit: "ns/row", alone).relative(to: all),
        ]
    }
}

import ArgumentParser
import Console
import Ensemble
import Features
import Training

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract:
            "What explaining a score costs a row, in batches and alone, beside libxgboost's contributions of the same rows."
    )

    @OptionGroup var source: FeatureRowOptions

    @Option(help: "Rows that libxgboost explains: it takes long.")
    var libraryRows = 128

    @OptionGroup var measurement: MeasurementOptions

    func run() throws {
        try reportingFailures {
            let progress = Progress()
            progress.show("making feature rows")
            let (artifact, matrix) = try source.load()
            var figures: [Figure] = []
            for shape in [TreeShape.boosted, .forest, .fullerForest] {
                progress.show("training \(shape.name)")
                let booster = try shape.train(matrix)
                let model = try ImportedModel(booster.modelFile(), path: shape.name)
                progress.show("explaining by \(shape.name)")
                let trees = model.parts[0].trees
                let leaves = trees.reduce(0) { $0 + $1.nodes.count { $0.isLeaf } } / trees.count
                figures += try compare(
                    "\(shape.name) (\(leaves) leaves on average)", Explainer(alone: model), booster, matrix)
            }
            progress.show("explaining by the artifact")
            let explainer = try Explainer(artifact)
            let ours = measure(explainer, matrix)
            figures += [
                Figure("artifact, \(explainer.servingModel.rawValue): in batches", unit: "ns/row", ours.batch),
                Figure("artifact, \(explainer.servingModel.rawValue): a row alone", unit: "ns/row", ours.alone),
            ]
            progress.finish()
            try figures.write(asJSON: measurement.json)
        }
    }

    private func compare(
        _ title: String, _ explainer: Explainer, _ booster: Booster, _ matrix: FeatureMatrix
    ) throws -> [Figure] {
        let count = min(libraryRows, matrix.rowCount)
        var some = FeatureMatrix()
        for row in 0..<count { some.append(row: matrix[row * matrix.rowCount / count]) }
        let together = try TrainingMatrix(some, labels: [], weights: [])
        let few = min(16, count)
        let singles = try (0..<few).map { row in
            var single = FeatureMatrix()
            single.append(row: some[row])
            return try TrainingMatrix(single, labels: [], weights: [])
        }
        var (batch, alone) = ([Double](), [Double]())
        for _ in 0..<measurement.repetitions {
            batch.append(try seconds { _ = try booster.contributions(together) } * 1e9 / Double(count))
            alone.append(
                try seconds { for single in singles { _ = try booster.contributions(single) } } * 1e9 / Double(few))
        }
        try check(explainer, some, booster.contributions(together))
        let ours = measure(explainer, matrix)
        let library = "libxgboost \(Booster.xgboostVersion), one thread"
        let theirs = Figure("\(title): \(library), \(count) rows", unit: "ns/row", batch)
        let theirsAlone = Figure("\(title): \(library), a row alone", unit: "ns/row", alone)
        return [
            theirs, Figure("\(title): in batches", unit: "ns/row", ours.batch).relative(to: theirs),
            theirsAlone, Figure("\(title): a row alone", unit: "ns/row", ours.alone).relative(to: theirsAlone),
        ]
    }

    /// Checks that both compute the same contributions, apart from the rounding of the library's 32-bit sums.
    private func check(_ explainer: Explainer, _ matrix: FeatureMatrix, _ theirs: [Float]) {
        let width = FeatureSchema.count
        let workspace = Explainer.Workspace(for: explainer)
        for row in 0..<matrix.rowCount {
            let ours = explainer.explain(Array(matrix[row]), workspace).contributions
            for feature in 0..<width {
                precondition(abs(ours[feature] - Double(theirs[row * (width + 1) + feature])) < 1e-3)
            }
        }
    }

    private func measure(_ explainer: Explainer, _ matrix: FeatureMatrix) -> (batch: [Double], alone: [Double]) {
        let width = FeatureSchema.count
        let workspace = Explainer.Workspace(for: explainer)
        var contributions = [Double](repeating: 0, count: matrix.values.count)
        let few = min(1024, matrix.rowCount)
        var (batch, alone) = ([Double](), [Double]())
        matrix.values.withUnsafeBufferPointer { values in
            contributions.withUnsafeMutableBufferPointer { contributions in
                let rows = values.baseAddress.unsafelyUnwrapped
                let out = contributions.baseAddress.unsafelyUnwrapped
                for _ in 0..<measurement.repetitions {
                    batch.append(
                        seconds { explainer.contributions(rows, count: matrix.rowCount, into: out, workspace) } * 1e9
                            / Double(matrix.rowCount))
                    alone.append(
                        seconds {
                            for row in 0..<few {
                                explainer.contributions(rows + row * width, count: 1, into: out, workspace)
                            }
                        } * 1e9 / Double(few))
                }
            }
        }
        return (batch, alone)
    }
}

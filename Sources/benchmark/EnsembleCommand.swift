import ArgumentParser
import Console
import Ensemble
import Features
import Foundation
import Training

struct EnsembleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ensemble",
        abstract:
            "What tree models and the whole ensemble cost a row, in batches and alone, beside libxgboost on the same rows."
    )

    @OptionGroup var source: FeatureRowOptions

    @Option(help: "Repetitions.")
    var repetitions = 7

    @Option(
        help: """
            Command that times other libraries on the same trees and rows, the largest forests left out: deploy/tree_libraries.py: it is given a model \
            file, a file of 32-bit floats and the width of a row, and prints a name, a tab and ns/row in batches for each.
            """)
    var libraries: String?

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        try reportingFailures {
            let progress = Progress()
            progress.show("making feature rows")
            let (artifact, matrix) = try source.load()
            var figures: [Figure] = []
            for shape in [TreeShape.boosted, .forest, .fullerForest, .leafByLeaf] {
                progress.show("training \(shape.name)")
                let booster = try shape.train(matrix)
                let model = try XGBoostModelFile.parse(booster.modelFile(), path: shape.name)
                progress.show("scoring by \(shape.name)")
                let ours = try compare(shape.name, model, booster, matrix)
                figures += ours
                if let libraries, shape.compilesSoon {
                    progress.show("other libraries", detail: shape.name)
                    figures += try Self.run(libraries, booster, matrix).map { name, nanoseconds in
                        Figure("\(shape.name): \(name), one thread, batches of 1024", unit: "ns/row", [nanoseconds])
                            .relative(to: ours[1])
                    }
                }
            }
            progress.show("scoring by the artifact")
            figures += ensemble(artifact, matrix)
            progress.finish()
            try figures.write(asJSON: json)
        }
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

    /// Measures other libraries on the same rows, by name.
    private static func run(_ command: String, _ booster: Booster, _ matrix: FeatureMatrix) throws -> [(String, Double)]
    {
        let directory = FileManager.default.temporaryDirectory.appending(path: "trees-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let (model, rows) = (directory.appending(path: "model.ubj"), directory.appending(path: "rows.f32"))
        try Data(booster.modelFile()).write(to: model)
        try matrix.values.withUnsafeBytes { Data($0) }.write(to: rows)
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", "exec \(command) '\(model.path)' '\(rows.path)' \(FeatureSchema.count)"]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw ValidationError("'\(command)' ended with \(process.terminationStatus); what it said is above")
        }
        return try text.split(separator: "\n").map { line in
            let parts = line.split(separator: "\t")
            guard parts.count == 2, let nanoseconds = Double(parts[1]) else {
                throw ValidationError("'\(command)' printed '\(line)' instead of a name, a tab and a number")
            }
            return (String(parts[0]), nanoseconds)
        }
    }
}

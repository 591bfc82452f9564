import Customers
import Ensemble
import Events
import Features
import Foundation
import Monitoring
import TestSupport
import Testing

@testable import Training

extension Dataset {
    /// The same examples with their labels dealt out anew among them: nothing can be learned from these.
    fileprivate func withShuffledLabels(seed: UInt64) -> Dataset {
        var generator = SplitMix64(seed: seed)
        let labels = map(\.label).shuffled(using: &generator)
        let examples = zip(self, labels).map { example, label in
            Example(
                kind: example.kind, customer: example.customer, time: example.time, label: label,
                positionInInvoice: example.positionInInvoice, countryHash: example.countryHash, row: example.row)
        }
        return Dataset(examples: examples, matrix: matrix)
    }
}

@Suite(.serialized) struct TrainerTests {
    /// A generated shop and settings small enough for a test.
    static func small(threads: Int = 2) -> TrainingSettings {
        var settings = TrainingSettings()
        settings.threads = threads
        settings.randomForest.parallelTrees = 30
        settings.xgboost.rounds = 30
        settings.folds = 2
        return settings
    }

    static func history(in directory: TemporaryDirectory, customers: Int = 500) throws -> String {
        let path = directory.path + "/history.csv"
        let writer = try HistoryWriter(path: path, format: .csv)
        let shop = ShopGenerator(customers: customers, days: 330, seed: 12)
        while let fields = shop.nextFields() { try writer.write(fields) }
        try writer.close()
        return path
    }

    /// Out-of-fold predictions are of models that knew no label from the fold's own time.
    @Test func noFoldLearnsFromLabelsThatWereNotKnownYet() throws {
        let directory = try TemporaryDirectory()
        let run = TrainingRun(settings: Self.small())
        let prepared = try run.prepare(history: Self.history(in: directory)) { _, _ in }
        let folds = try Trainer(settings: Self.small()).folds(prepared.dataset, prepared.times)
        #expect(folds.count == 2)
        for fold in folds {
            func times(_ set: TrainingSet) -> [Int64] { set.indices.map { prepared.dataset[$0].time } }
            let begin = try #require(times(fold.validation).min())
            let latest = try #require(times(fold.training).max())
            #expect(latest + Horizon.standard.milliseconds <= begin)
            #expect(fold.training.indices.count > 100 && fold.validation.indices.count > 100)
        }
    }

    @Test func makesTheSameBytesWhateverTheThreads() throws {
        let directory = try TemporaryDirectory()
        let path = try Self.history(in: directory)
        var versions: [String] = []
        for (name, threads) in [("a", 2), ("b", 1), ("c", 2)] {
            let run = TrainingRun(settings: Self.small(threads: threads))
            let prepared = try run.prepare(history: path) { _, _ in }
            let fitted = try run.fit(prepared) { _, _ in }
            versions.append(try run.write(fitted, prepared, models: "\(directory.path)/\(name)"))
        }
        #expect(Set(versions).count == 1)
        let files = try FileManager.default.contentsOfDirectory(atPath: "\(directory.path)/a/\(versions[0])")
        #expect(files.count == 7)
        for file in files {
            for other in ["b", "c"] {
                #expect(
                    FileManager.default.contentsEqual(
                        atPath: "\(directory.path)/a/\(versions[0])/\(file)",
                        andPath: "\(directory.path)/\(other)/\(versions[0])/\(file)"), "\(file)")
            }
        }
        // Training anew mends an artifact that has been damaged.
        let damaged = "\(directory.path)/a/\(versions[0])/xgboost.ubj"
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: damaged))
        #expect(throws: ArtifactError.self) { try ModelArtifact(path: "\(directory.path)/a/\(versions[0])") }
        let again = TrainingRun(settings: Self.small())
        let prepared = try again.prepare(history: path) { _, _ in }
        _ = try again.write(try again.fit(prepared) { _, _ in }, prepared, models: "\(directory.path)/a")
        // A run that fails leaves what is there alone.
        #expect(throws: (any Error).self) {
            try TrainingRun(settings: Self.small()).prepare(history: "\(directory.path)/none.csv") { _, _ in }
        }
        #expect(try ModelArtifact(path: "\(directory.path)/a/\(versions[0])").manifest.version == versions[0])
    }

    static func rocAUC(_ ensemble: Ensemble, _ sets: TestSets, _ name: Evaluation.Name) -> [ModelName: Double] {
        let predictions = TestPredictions(ensemble, on: sets)
        let indices = sets.indices[name]![0]
        return Dictionary(
            uniqueKeysWithValues: ModelName.allCases.map { model in
                (
                    model,
                    Metrics(
                        probabilities: predictions.probabilities(indices, model), labels: sets.labels(indices), seed: 1
                    ).rocAUC
                )
            })
    }

    @Test func learnsNothingFromShuffledLabels() throws {
        let directory = try TemporaryDirectory()
        let path = try Self.history(in: directory, customers: 900)
        let run = TrainingRun(settings: Self.small())
        let prepared = try run.prepare(history: path) { _, _ in }
        let trainer = Trainer(settings: Self.small())
        let real = try trainer.train(prepared.dataset, protocol: prepared.times) { _, _ in }
        let honest = Self.rocAUC(real.ensemble, try TestSets(prepared.dataset, prepared.times), .e2)
        #expect(honest[.stacking]! > 0.65)

        var sums: [ModelName: Double] = [:]
        let seeds = UInt64(1)...4
        for seed in seeds {
            let shuffled = prepared.dataset.withShuffledLabels(seed: seed)
            let result = try trainer.train(shuffled, protocol: prepared.times) { _, _ in }
            let reached = Self.rocAUC(result.ensemble, try TestSets(shuffled, prepared.times), .e1)
            for model in ModelName.allCases { sums[model, default: 0] += reached[model]! }
        }
        for model in ModelName.allCases {
            let mean = sums[model]! / Double(seeds.count)
            #expect(abs(mean - 0.5) < 0.03, "\(model) reaches \(mean) on labels that mean nothing")
        }
    }

    @Test func compiledBaseModelsEqualLibxgboostsOwnMargins() throws {
        let directory = try TemporaryDirectory()
        let path = try Self.history(in: directory)
        let prepared = try TrainingRun(settings: Self.small()).prepare(history: path) { _, _ in }
        let artifact = try ModelArtifact(path: Checkout.models)
        let rows = prepared.dataset.rows(Array(prepared.dataset.indices))
        let matrix = try TrainingMatrix(rows, labels: [], weights: [])
        for (file, model) in [("random_forest.ubj", artifact.randomForest), ("xgboost.ubj", artifact.xgboost)] {
            let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: "\(artifact.directory)/\(file)")))
            let theirs = try Booster(modelFile: bytes).margins(matrix)
            let ours = CompiledForest([model]).margins(rows)[0]
            #expect(theirs.count > 10_000)
            #expect(theirs == ours, "\(file): 32-bit log-odds are equal to the last bit")
        }
    }

    @Test func saysWhyAHistoryIsTooShort() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/short.csv"
        let writer = try HistoryWriter(path: path, format: .csv)
        let shop = ShopGenerator(customers: 20, days: 100, seed: 1)
        while let fields = shop.nextFields() { try writer.write(fields) }
        try writer.close()
        do {
            _ = try TrainingRun(settings: TrainingSettings()).prepare(history: path) { _, _ in }
            Issue.record("a history of 100 days was accepted")
        } catch let error as DataError {
            #expect(error.description.contains("at least 144 are needed"))
        }
    }

    @Test func fitsALogisticRegressionThatIsKnown() {
        var random = SplitMix64(seed: 6)
        let truth = [0.4, -1.2, 0.8]
        var (design, labels): ([Double], [Bool]) = ([], [])
        for _ in 0..<60_000 {
            let x = (0..<2).map { _ in random.uniform() * 4 - 2 }
            design += x
            labels.append(random.uniform() < Elementary.sigmoid(truth[0] + truth[1] * x[0] + truth[2] * x[1]))
        }
        let found = LogisticTrainer.newton(
            design, width: 2, labels: labels, weights: [Double](repeating: 1, count: labels.count), ridge: 0,
            prior: [0, 0])
        for (a, b) in zip(found, truth) { #expect(abs(a - b) < 0.03, "\(found)") }
    }
}

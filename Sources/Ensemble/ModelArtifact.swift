import Customers
import Features
import Foundation

/// A model artifact that was read from disk, verified, and is ready to score.
///
///     DIR/current                   → the version in service
///     DIR/<version>/manifest.json   what scoring depends on; names and digests of the others
///     DIR/<version>/manifest.sha256
///     DIR/<version>/logistic_regression.json, random_forest.ubj, xgboost.ubj, results.json
///     DIR/<version>/evaluated_...   the holdout model that results.json is of, where the one that serves was refitted
///
/// An imported model's artifact has its unchanged file in place of the three base models': `xgboost.json`, `xgboost.ubj`
/// or `lightgbm.txt`.
package struct ModelArtifact: Sendable {
    /// The artifact's own directory.
    package let directory: String
    /// Tells it from every other artifact: the digest of its manifest, which holds the digests of its other files.
    package let digest: String
    /// What it says of itself.
    package let manifest: Manifest
    /// The features that its models read.
    package let schema: FeatureSchema
    /// Its models, ready to score.
    package let ensemble: Ensemble
    /// The encoding of countries that its models were trained with.
    package let categoryEncoding: CategoryEncoding
    /// The random forest in readable form; without trees in an imported model's artifact.
    package let randomForest: TreeModel
    /// The boosted trees in readable form; without trees in a LightGBM model's artifact.
    package let xgboost: TreeModel
    /// The trees of `ensemble.forest` in readable form, in its order.
    let trees: [TreeModel]
    /// The bytes of `results.json`, the evaluation that the trainer wrote.
    package let results: [UInt8]
    /// The files that scoring does not depend on, by name.
    package let otherFiles: [String: [UInt8]]

    /// The manifest's file.
    package static let manifestName = "manifest.json"
    /// The file that holds the manifest's digest.
    package static let digestName = "manifest.sha256"
    /// The evaluation's file.
    package static let resultsName = "results.json"
    /// The model card's file.
    package static let cardName = "model_card.md"
    static let logisticName = "logistic_regression.json"
    static let forestName = "random_forest.ubj"
    static let xgboostName = "xgboost.ubj"
    static let currentName = "current"
    /// Begins the names of the holdout model's files.
    static let holdoutPrefix = "evaluated_"

    /// Reads an artifact. It is refused unless every byte is as the trainer wrote it, it fits this program's features, and it
    /// scores its golden rows to the last bit.
    /// - Parameter path: a directory of artifacts with a `current` one, or one artifact's own directory.
    /// - Throws: `ArtifactError` naming the file and the fix.
    package init(path: String) throws(ArtifactError) {
        let directory = try Self.resolve(path)
        self.directory = directory
        digest = try Self.digest(path: directory)
        let manifestBytes = try Self.read(Self.manifestName, in: directory)
        let digestLine = String(decoding: try Self.read(Self.digestName, in: directory), as: UTF8.self)
        let manifestPath = "\(directory)/\(Self.manifestName)"
        guard digestLine == Self.digestLine(manifestBytes) else {
            throw ArtifactError(
                path: manifestPath,
                reason: "does not match \(Self.digestName): the artifact is damaged; restore it or train anew")
        }
        let manifest: Manifest = try Self.decode(manifestBytes, path: manifestPath)
        self.manifest = manifest
        schema = try Self.fittingSchema(manifest, path: manifestPath)

        var contents: [String: [UInt8]] = [:]
        for (name, digest) in manifest.files.sorted(by: { $0.key < $1.key }) {
            guard !name.contains("/"), !name.hasPrefix(".") else {
                throw ArtifactError(path: manifestPath, reason: "names a file outside the artifact: \(name)")
            }
            let bytes = try Self.read(name, in: directory)
            guard SHA256.digest(bytes) == digest else {
                throw ArtifactError(
                    path: "\(directory)/\(name)",
                    reason:
                        "does not match its digest in the manifest: the artifact is damaged; restore it or train anew")
            }
            contents[name] = bytes
        }
        func content(_ name: String) throws(ArtifactError) -> [UInt8] {
            guard let bytes = contents[name] else {
                throw ArtifactError(path: manifestPath, reason: "does not list the file \(name)")
            }
            return bytes
        }
        results = try content(Self.resultsName)
        let own = [Self.logisticName, Self.forestName, Self.xgboostName, Self.resultsName]
        otherFiles = contents.filter { !own.contains($0.key) && $0.key != manifest.origin?.format.rawValue }
        categoryEncoding = CategoryEncoding(countries: manifest.countries)
        if let names = manifest.models {
            let none = TreeModel(trees: [], baseMargin: 0)
            let model = try Self.imported(manifest, names, of: schema, path: manifestPath) {
                name throws(ArtifactError) in
                try content(name)
            }
            randomForest = none
            xgboost = model.name == .xgboost ? model.parts[0] : none
            trees = model.parts
            ensemble = model.ensemble
            try Self.checkGoldenRows(manifest, ensemble, path: manifestPath)
            return
        }
        let models = try Self.baseModels(manifest.weights, of: schema, in: directory) { name throws(ArtifactError) in
            try content(name)
        }
        (randomForest, xgboost) = (models.randomForest, models.xgboost)
        trees = [randomForest, xgboost]
        ensemble = models.ensemble
        try Self.checkGoldenRows(manifest, ensemble, path: manifestPath)
    }

    /// Parses the three base models' files and combines them by their weights.
    private static func baseModels(
        _ weights: [String: LogOddsWeights], of schema: FeatureSchema, prefix: String = "", in directory: String,
        content: (String) throws(ArtifactError) -> [UInt8]
    ) throws(ArtifactError) -> (randomForest: TreeModel, xgboost: TreeModel, ensemble: Ensemble) {
        func path(_ name: String) -> String { "\(directory)/\(prefix)\(name)" }
        let logistic: LogisticModel = try decode(content(prefix + logisticName), path: path(logisticName))
        guard logistic.terms.map(\.feature) == schema.names else {
            throw ArtifactError(
                path: path(logisticName), reason: "its terms are not the features of the schema, in order")
        }
        let forest = try XGBoostModelFile.parse(content(prefix + forestName), schema: schema, path: path(forestName))
        let xgboost = try XGBoostModelFile.parse(content(prefix + xgboostName), schema: schema, path: path(xgboostName))
        var own: Ensemble.Weights = [:]
        for model in ModelName.allCases {
            guard let modelWeights = weights[model.rawValue] else {
                throw ArtifactError(
                    path: "\(directory)/\(manifestName)", reason: "has no weights for \(model.rawValue)")
            }
            own[model] = modelWeights
        }
        let ensemble = Ensemble(
            logisticRegression: logistic, randomForest: forest, xgboost: xgboost, weights: own)
        return (forest, xgboost, ensemble)
    }

    /// The digest of the artifact that a path names, as the artifact itself has it: cheap, and nothing is verified.
    /// - Parameter path: a directory of artifacts with a `current` one, or one artifact's own directory.
    /// - Throws: `ArtifactError` when there is none.
    package static func digest(path: String) throws(ArtifactError) -> String {
        let line = String(decoding: try read(digestName, in: resolve(path)), as: UTF8.self)
        return String(line.prefix { $0 != " " && $0 != "\n" })
    }

    /// What the artifact in a directory says of itself: cheap, and nothing is verified.
    static func manifest(in directory: String) throws(ArtifactError) -> Manifest {
        try decode(read(manifestName, in: directory), path: "\(directory)/\(manifestName)")
    }

    /// Whether a text can be an artifact's version, which is also the name of its directory: at most 200 letters, digits, points,
    /// dashes and underscores, the first no point.
    package static func isVersion(_ text: some StringProtocol) -> Bool {
        !text.isEmpty && text.utf8.count <= 200 && !text.hasPrefix(".")
            && text.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    /// Computes the feature rows that its models read.
    package func makeExtractor() -> FeatureExtractor {
        FeatureExtractor(encoding: categoryEncoding, horizon: schema.horizon)
    }

    /// The ensemble that `results.json` is of, and the end of its training period, ISO 8601: the holdout model of an artifact
    /// that was refitted, otherwise the served ensemble.
    /// - Throws: `ArtifactError` when the holdout model's files cannot be understood.
    package func evaluated() throws(ArtifactError) -> (ensemble: Ensemble, trainedUntil: String) {
        guard let holdout = manifest.holdoutModel else { return (ensemble, manifest.trainedUntil) }
        let models = try Self.baseModels(holdout.weights, of: schema, prefix: Self.holdoutPrefix, in: directory) {
            name throws(ArtifactError) in
            guard let bytes = otherFiles[name] else {
                throw ArtifactError(path: "\(directory)/\(Self.manifestName)", reason: "does not list the file \(name)")
            }
            return bytes
        }
        return (models.ensemble, holdout.trainedUntil)
    }

    /// The model of an imported model's artifact.
    private static func imported(
        _ manifest: Manifest, _ models: [ModelName], of schema: FeatureSchema, path: String,
        content: (String) throws(ArtifactError) -> [UInt8]
    ) throws(ArtifactError) -> ImportedModel {
        guard let origin = manifest.origin else {
            throw ArtifactError(path: path, reason: "does not say which file its model is in")
        }
        let file = origin.format.rawValue
        let model = try ImportedModel(
            content(file), origin: origin, schema: schema, path: "\(path.dropLast(manifestName.count))\(file)")
        guard models == [model.name], manifest.servingModel == model.name else {
            throw ArtifactError(path: path, reason: "names other models than the one in \(file): import it anew")
        }
        return model
    }

    /// The directory of the artifact that a path names.
    private static func resolve(_ path: String) throws(ArtifactError) -> String {
        let files = FileManager.default
        let current = "\(path)/\(currentName)"
        if files.fileExists(atPath: "\(current)/\(manifestName)") {
            let target = (try? files.destinationOfSymbolicLink(atPath: current)) ?? currentName
            return target.hasPrefix("/") ? target : "\(path)/\(target)"
        }
        if files.fileExists(atPath: "\(path)/\(manifestName)") { return path }
        throw ArtifactError(
            path: path,
            reason: "holds no model artifact (neither current/\(manifestName) nor \(manifestName)); "
                + "make one with: trainer train --history FILE --models \(path)")
    }

    /// Checks that the artifact fits this program's features and windows.
    /// - Returns: the features of its horizon.
    private static func fittingSchema(_ manifest: Manifest, path: String) throws(ArtifactError) -> FeatureSchema {
        func refuse(_ what: String, _ theirs: String, _ ours: String) -> ArtifactError {
            ArtifactError(
                path: path,
                reason: "\(what) is \(theirs), this program's is \(ours): train anew with this program's trainer")
        }
        guard isVersion(manifest.version) else {
            throw ArtifactError(
                path: path,
                reason:
                    "its version is no name of letters, digits, points, dashes and underscores: \(manifest.version.prefix(80))"
            )
        }
        guard manifest.format == Manifest.currentFormat else {
            throw refuse("artifact format", "\(manifest.format)", "\(Manifest.currentFormat)")
        }
        guard Horizon.range.contains(manifest.horizonDays) else {
            throw ArtifactError(
                path: path, reason: "has a horizon of \(manifest.horizonDays) days: it must be 1 to 365")
        }
        let schema = FeatureSchema(Horizon(days: manifest.horizonDays))
        guard manifest.schemaFingerprint == schema.fingerprint, manifest.features == schema.names else {
            throw refuse("feature schema", manifest.schemaFingerprint, schema.fingerprint)
        }
        guard manifest.windowsDays == Windows.days else {
            throw refuse("set of windows", "\(manifest.windowsDays)", "\(Windows.days)")
        }
        guard manifest.models != nil || ModelName.allCases.contains(manifest.servingModel) else {
            throw ArtifactError(path: path, reason: "serves \(manifest.servingModel.rawValue), which is not in it")
        }
        guard !manifest.goldenRows.isEmpty else {
            throw ArtifactError(path: path, reason: "has no golden rows")
        }
        return schema
    }

    /// Checks that the ensemble scores the golden rows as the trainer did, bit for bit.
    private static func checkGoldenRows(_ manifest: Manifest, _ ensemble: Ensemble, path: String) throws(ArtifactError)
    {
        var matrix = FeatureMatrix()
        for (index, golden) in manifest.goldenRows.enumerated() {
            guard golden.features.count == FeatureSchema.count else {
                throw ArtifactError(path: path, reason: "golden row \(index) has \(golden.features.count) features")
            }
            matrix.append(row: golden.features.map { $0.map { Float($0) } ?? .nan }[...])
        }
        var scores: [Scores] = []
        var workspace = Ensemble.Workspace(for: ensemble)
        ensemble.score(matrix, into: &scores, workspace: &workspace)
        for (index, golden) in manifest.goldenRows.enumerated() {
            for model in ensemble.models {
                let expected = golden.scores[model.rawValue]
                guard expected == scores[index][model] else {
                    throw ArtifactError(
                        path: path,
                        reason: "golden row \(index): \(model.rawValue) gives \(scores[index][model]), the trainer got "
                            + "\(expected.map { "\($0)" } ?? "nothing"): this program scores differently; train anew with it"
                    )
                }
            }
        }
    }

    static func digestLine(_ manifest: [UInt8]) -> String { "\(SHA256.digest(manifest))  \(manifestName)\n" }

    private static func read(_ name: String, in directory: String) throws(ArtifactError) -> [UInt8] {
        let path = "\(directory)/\(name)"
        do {
            return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            throw ArtifactError(path: path, reason: "cannot be read: \((error as NSError).localizedDescription)")
        }
    }

    private static func decode<Value: Decodable>(_ bytes: [UInt8], path: String) throws(ArtifactError) -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: Data(bytes))
        } catch {
            throw ArtifactError(path: path, reason: "cannot be understood: \(error)")
        }
    }
}

import Features
import Foundation

/// A tree model that was trained elsewhere with XGBoost or LightGBM, read from the library's own file.
package struct ImportedModel: Sendable {
    /// `xgboost` or `lightgbm`.
    package let name: ModelName
    /// Trees whose margins, added in 64-bit floats in this order, are the model's log-odds.
    package let parts: [TreeModel]
    /// The file's format, version and digest.
    package let origin: Manifest.Origin
    /// The file's bytes.
    package let bytes: [UInt8]
    /// How the file was interpreted, where that is not obvious; sentences for the operator.
    package let notes: [String]

    /// Largest file that is read.
    static let sizeLimit = 1 << 30

    /// Reads a model file of up to 1 GiB.
    /// - Throws: `ArtifactError` naming what in the file is not supported, and what to do.
    package init(path: String, schema: FeatureSchema = FeatureSchema(.standard)) throws(ArtifactError) {
        let attributes = try? FileManager.default.attributesOfItem(atPath: Self.target(of: path))
        if let attributes, attributes[.type] as? FileAttributeType != .typeRegular {
            throw ArtifactError(path: path, reason: "is no file")
        }
        if let size = attributes?[.size] as? Int, size > Self.sizeLimit {
            throw ArtifactError(path: path, reason: "has \(size) bytes, more than \(Self.sizeLimit)")
        }
        let bytes: [UInt8]
        do {
            bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            throw ArtifactError(path: path, reason: "cannot be read: \((error as NSError).localizedDescription)")
        }
        try self.init(bytes, schema: schema, path: path)
    }

    /// - Parameters:
    ///   - bytes: the file's content; its format is told from the first bytes.
    ///   - path: for messages.
    /// - Throws: `ArtifactError` as above.
    package init(
        _ bytes: [UInt8], schema: FeatureSchema = FeatureSchema(.standard), path: String
    ) throws(ArtifactError) {
        try self.init(bytes, format: Self.format(bytes, path: path), schema: schema, baseMargin: nil, path: path)
    }

    /// Reads the file of an artifact, whose format and base margin the manifest records.
    init(
        _ bytes: [UInt8], origin: Manifest.Origin, schema: FeatureSchema, path: String
    ) throws(ArtifactError) {
        try self.init(
            bytes, format: origin.format, schema: schema, baseMargin: origin.baseMargin.map { Float($0) }, path: path)
    }

    private init(
        _ bytes: [UInt8], format: Manifest.Origin.Format, schema: FeatureSchema, baseMargin: Float?, path: String
    ) throws(ArtifactError) {
        self.bytes = bytes
        var notes: [String] = []
        let features: FeatureMatch
        let digest = SHA256.digest(bytes)
        switch format {
        case .lightGBM:
            let content = try LightGBMModelFile.parse(bytes, schema: schema, path: path)
            name = .lightgbm
            parts = content.parts
            features = content.features
            origin = Manifest.Origin(format: format, version: content.version, sha256: digest, baseMargin: nil)
        case .xgboostJSON, .xgboostUBJSON:
            let document =
                format == .xgboostJSON
                ? try JSONDocument.parse(bytes, path: path) : try UBJSON.parse(bytes, path: path)
            let content = try XGBoostModelFile.read(document, schema: schema, path: path, baseMargin: baseMargin)
            let version = content.version.map { "\($0)" }.joined(separator: ".")
            guard content.version.count == 3, (1...3).contains(content.version[0]),
                content.version[0] > 1 || content.version[1] >= 7
            else {
                throw ArtifactError(
                    path: path,
                    reason:
                        "was written by XGBoost \(version.isEmpty ? "of no version" : version), supported are 1.7 to 3: "
                        + "load it with one of them and save it again")
            }
            if let rounds = content.rounds, rounds.taken < rounds.all {
                notes.append(
                    "Of its \(rounds.all) rounds the first \(rounds.taken) are taken, up to best_iteration, as "
                        + "XGBClassifier predicts. To take all, delete that attribute: "
                        + "booster.set_attr(best_iteration=None).")
            }
            let margin = baseMargin ?? Self.margin(content.baseScore)
            name = .xgboost
            parts = [TreeModel(trees: content.model.trees, baseMargin: margin)]
            features = content.features
            origin = Manifest.Origin(format: format, version: version, sha256: digest, baseMargin: Double(margin))
        }
        if !features.isByName {
            notes.append(
                "The file names no features: they are taken to be the schema's \(FeatureSchema.count), in order.")
        }
        self.notes = notes
    }

    /// Log-odds of a base score to the last bit as libxgboost takes them: by the C library's 32-bit logarithm, whose last
    /// bit differs between systems. The artifact records what it was.
    private static func margin(_ baseScore: Float) -> Float { baseScore == 0.5 ? 0 : -logf(1 / baseScore - 1) }

    /// The format, told from the first bytes.
    private static func format(_ bytes: [UInt8], path: String) throws(ArtifactError) -> Manifest.Origin.Format {
        if bytes.starts(with: "tree\n".utf8) || bytes.starts(with: "tree\r\n".utf8) { return .lightGBM }
        if bytes.first == UInt8(ascii: "{") {
            // Behind it UBJSON has the marker of a key's length, JSON a key or space.
            let next = bytes.dropFirst().first ?? 0
            return "iUIlL".utf8.contains(next) ? .xgboostUBJSON : .xgboostJSON
        }
        let found =
            bytes.starts(with: "binf".utf8)
            ? "is an XGBoost file of the old binary format" : bytes.first == 0x80 ? "is a pickle" : "is no model file"
        throw ArtifactError(
            path: path,
            reason:
                "\(found): give what save_model writes, XGBoost's to model.json or model.ubj, LightGBM's to model.txt")
    }

    private static func target(of path: String) -> String {
        URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    }

    /// An ensemble of this one model, as it serves.
    package var ensemble: Ensemble { Ensemble(alone: self) }
}

import Events
import Foundation

/// Writes artifacts atomically: a reader finds a whole artifact or none.
package struct ArtifactWriter {
    /// An artifact before it is written: the models' files, and a manifest that still lacks its version and list of files.
    package struct Contents {
        /// The models' files.
        package enum Models {
            /// Three base models; the trees' files are XGBoost's, UBJSON.
            case trained(logisticRegression: LogisticModel, randomForest: [UInt8], xgboost: [UInt8])
            /// One model that was trained elsewhere.
            case imported(ImportedModel)
        }

        /// The models' files.
        package var models: Models
        /// `results.json`.
        package var results: [UInt8]
        /// The manifest; its `version` and `files` are set on writing.
        package var manifest: Manifest
        /// Further files by name; scoring does not depend on them.
        package var others: [String: [UInt8]]

        /// The contents of a trained ensemble's artifact.
        package init(
            logisticRegression: LogisticModel, randomForest: [UInt8], xgboost: [UInt8], results: [UInt8],
            manifest: Manifest, others: [String: [UInt8]] = [:]
        ) {
            models = .trained(logisticRegression: logisticRegression, randomForest: randomForest, xgboost: xgboost)
            self.results = results
            self.manifest = manifest
            self.others = others
        }

        /// Adds the model that `results` are of, where the one that serves was refitted.
        /// - Throws: `ArtifactError` when it holds a number that JSON cannot represent.
        package mutating func addHoldoutModel(
            logisticRegression: LogisticModel, randomForest: [UInt8], xgboost: [UInt8], holdout: Manifest.HoldoutModel
        ) throws(ArtifactError) {
            let prefix = ModelArtifact.holdoutPrefix
            others[prefix + ModelArtifact.logisticName] = try ArtifactWriter.encode(logisticRegression)
            others[prefix + ModelArtifact.forestName] = randomForest
            others[prefix + ModelArtifact.xgboostName] = xgboost
            manifest.holdoutModel = holdout
        }

        /// The contents of an imported model's artifact.
        package init(
            imported model: ImportedModel, results: [UInt8], manifest: Manifest, others: [String: [UInt8]] = [:]
        ) {
            models = .imported(model)
            self.results = results
            self.manifest = manifest
            self.others = others
        }

        fileprivate func files() throws(ArtifactError) -> [String: [UInt8]] {
            switch models {
            case .trained(let logisticRegression, let randomForest, let xgboost):
                [
                    ModelArtifact.logisticName: try ArtifactWriter.encode(logisticRegression),
                    ModelArtifact.forestName: randomForest, ModelArtifact.xgboostName: xgboost,
                    ModelArtifact.resultsName: results,
                ]
            case .imported(let model):
                [model.origin.format.rawValue: model.bytes, ModelArtifact.resultsName: results]
            }
        }
    }

    /// The directory that holds the artifacts.
    package let directory: String

    /// - Parameter directory: made where it is missing.
    package init(directory: String) { self.directory = directory }

    /// Writes an artifact under its version, a prefix and a digest of its contents. It is flushed to disk and read back in a
    /// temporary directory, which then gets the version's name.
    /// - Parameter versionPrefix: put before the digest, so that versions sort by it.
    /// - Returns: the version. An artifact of that version that is there already is the same and stays.
    /// - Throws: `ArtifactError`; nothing is left behind.
    package func write(_ contents: Contents, versionPrefix: String) throws(ArtifactError) -> String {
        var manifest = contents.manifest
        let files = contents.others.merging(try contents.files()) { $1 }
        manifest.files = files.mapValues { SHA256.digest($0) }
        manifest.version = ""
        manifest.version = "\(versionPrefix)-\(SHA256.digest(try Self.encode(manifest)).prefix(12))"
        let manifestBytes = try Self.encode(manifest)

        let target = "\(directory)/\(manifest.version)"
        let temporary = "\(directory)/.\(manifest.version).\(getpid()).draft"
        let manager = FileManager.default
        // An artifact of this name holds the same bytes, unless it has been damaged since.
        if (try? ModelArtifact(path: target)) != nil { return manifest.version }
        TemporaryFiles.begin(temporary)
        defer { TemporaryFiles.end(temporary) }
        do {
            try? manager.removeItem(atPath: temporary)
            try manager.createDirectory(atPath: temporary, withIntermediateDirectories: true)
            for (name, bytes) in files { try Self.writeFlushed(bytes, to: "\(temporary)/\(name)") }
            try Self.writeFlushed(manifestBytes, to: "\(temporary)/\(ModelArtifact.manifestName)")
            try Self.writeFlushed(
                Array(ModelArtifact.digestLine(manifestBytes).utf8), to: "\(temporary)/\(ModelArtifact.digestName)")
            // Read back before it gets its name: an artifact that cannot be served must not exist.
            _ = try ModelArtifact(path: temporary)
            if manager.fileExists(atPath: target) { try manager.removeItem(atPath: target) }
            try manager.moveItem(atPath: temporary, toPath: target)
            TemporaryFiles.syncFolder(of: target)
        } catch {
            try? manager.removeItem(atPath: temporary)
            if let error = error as? ArtifactError { throw error }
            throw ArtifactError(path: target, reason: "cannot be written: \((error as NSError).localizedDescription)")
        }
        return manifest.version
    }

    fileprivate static func encode(_ value: some Encodable) throws(ArtifactError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(value)) + [0x0A]
        } catch {
            throw ArtifactError(path: ModelArtifact.manifestName, reason: "holds a number that JSON cannot: \(error)")
        }
    }

    private static func writeFlushed(_ bytes: [UInt8], to path: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        try handle.synchronize()
        try handle.close()
    }
}

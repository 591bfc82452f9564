import Events
import Foundation

/// Puts an artifact on disk, whole or not at all.
public struct ArtifactWriter {
    /// What a trainer hands over: the members' own files and the manifest without its list of files and version.
    public struct Contents {
        public enum Members {
            /// The files are XGBoost's, UBJSON.
            case trained(logisticRegression: LogisticModel, randomForest: [UInt8], xgboost: [UInt8])
            case imported(ImportedModel)
        }

        public var members: Members
        public var results: [UInt8]
        public var manifest: Manifest
        /// Further files by name, of no consequence for scoring.
        public var others: [String: [UInt8]]

        public init(
            logisticRegression: LogisticModel, randomForest: [UInt8], xgboost: [UInt8], results: [UInt8],
            manifest: Manifest, others: [String: [UInt8]] = [:]
        ) {
            members = .trained(logisticRegression: logisticRegression, randomForest: randomForest, xgboost: xgboost)
            self.results = results
            self.manifest = manifest
            self.others = others
        }

        /// Puts the members that `results` are of beside those that serve.
        public mutating func addTwin(
            logisticRegression: LogisticModel, randomForest: [UInt8], xgboost: [UInt8], twin: Manifest.Twin
        ) throws(ArtifactError) {
            let prefix = ModelArtifact.twinPrefix
            others[prefix + ModelArtifact.logisticName] = try ArtifactWriter.encode(logisticRegression)
            others[prefix + ModelArtifact.forestName] = randomForest
            others[prefix + ModelArtifact.xgboostName] = xgboost
            manifest.evaluatedTwin = twin
        }

        public init(
            imported model: ImportedModel, results: [UInt8], manifest: Manifest, others: [String: [UInt8]] = [:]
        ) {
            members = .imported(model)
            self.results = results
            self.manifest = manifest
            self.others = others
        }

        fileprivate func files() throws(ArtifactError) -> [String: [UInt8]] {
            switch members {
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
    public let directory: String

    public init(directory: String) { self.directory = directory }

    /// Writes the artifact under the version that its contents give it, flushed to disk before it gets its name.
    /// - Parameter versionPrefix: put before the digest, to make versions sort and speak.
    /// - Returns: the version. One that is there already holds the same bytes and stays as it is.
    /// - Throws: `ArtifactError`; nothing is left behind.
    public func write(_ contents: Contents, versionPrefix: String) throws(ArtifactError) -> String {
        var manifest = contents.manifest
        let files = contents.others.merging(try contents.files()) { $1 }
        manifest.files = files.mapValues { SHA256.digest($0) }
        manifest.version = ""
        manifest.version = "\(versionPrefix)-\(SHA256.digest(try Self.encode(manifest)).prefix(12))"
        let manifestBytes = try Self.encode(manifest)

        let target = "\(directory)/\(manifest.version)"
        let draft = "\(directory)/.\(manifest.version).\(getpid()).draft"
        let manager = FileManager.default
        // What is there already under this name holds the same bytes, unless it has been damaged since.
        if (try? ModelArtifact(path: target)) != nil { return manifest.version }
        TemporaryFiles.begin(draft)
        defer { TemporaryFiles.end(draft) }
        do {
            try? manager.removeItem(atPath: draft)
            try manager.createDirectory(atPath: draft, withIntermediateDirectories: true)
            for (name, bytes) in files { try Self.writeFlushed(bytes, to: "\(draft)/\(name)") }
            try Self.writeFlushed(manifestBytes, to: "\(draft)/\(ModelArtifact.manifestName)")
            try Self.writeFlushed(
                Array(ModelArtifact.digestLine(manifestBytes).utf8), to: "\(draft)/\(ModelArtifact.digestName)")
            // Read back before it gets its name: what cannot be served must not exist.
            _ = try ModelArtifact(path: draft)
            if manager.fileExists(atPath: target) { try manager.removeItem(atPath: target) }
            try manager.moveItem(atPath: draft, toPath: target)
            TemporaryFiles.syncFolder(of: target)
        } catch {
            try? manager.removeItem(atPath: draft)
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

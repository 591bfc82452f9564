import Customers
import Ensemble
import Events

extension LabelJoin {
    /// A version of the model, which predictions belong to. Its bytes in a checkpoint: version (a ~ before it where its predictions
    /// are for comparison only), serving model, number of models (varint) and the models, each name with its length before it.
    package struct Version: Sendable, Equatable {
        /// Most models of a version.
        static let modelLimit = 5
        /// Most versions, since predictions refer to theirs by 16 bits.
        static let limit = Int(UInt16.max)

        /// The artifact's version.
        package let version: String
        /// The model whose probability is served.
        package let servingModel: ModelName
        /// All models that score, in the order of a prediction's probabilities.
        package let models: [ModelName]
        /// Whether its predictions are for comparison only: they are graded, and have no outcomes.
        package let isShadow: Bool

        private static let shadowMark: Character = "~"

        /// - Parameters:
        ///   - models: at most five count.
        ///   - isShadow: whether its predictions are for comparison only.
        package init(version: String, servingModel: ModelName, models: [ModelName], isShadow: Bool = false) {
            self.isShadow = isShadow
            self.version = version
            self.servingModel = servingModel
            self.models = Array(models.prefix(Self.modelLimit))
        }

        func encode(into writer: inout ByteWriter) {
            writer.counted(isShadow ? "\(Self.shadowMark)\(version)" : version)
            writer.counted(servingModel.rawValue)
            writer.varint(UInt64(models.count))
            for model in models { writer.counted(model.rawValue) }
        }

        init(decoding reader: inout ByteReader) throws(StateError) {
            let text = try reader.text()
            isShadow = text.first == Self.shadowMark
            version = isShadow ? String(text.dropFirst()) : text
            servingModel = try Self.model(&reader)
            var models: [ModelName] = []
            for _ in 0..<(try reader.count(ofAtLeast: 1)) { models.append(try Self.model(&reader)) }
            guard (1...Self.modelLimit).contains(models.count), models.contains(servingModel) else {
                throw StateError("no models")
            }
            self.models = models
        }

        /// Whether both are of one model, served or not.
        package func isSameModel(as other: Version) -> Bool {
            (version, servingModel) == (other.version, other.servingModel) && models == other.models
        }

        private static func model(_ reader: inout ByteReader) throws(StateError) -> ModelName {
            guard let model = ModelName(rawValue: try reader.text()) else { throw StateError("an unknown model") }
            return model
        }
    }
}

import Customers
import Ensemble
import Events

extension Grader {
    /// The model that predictions are of.
    package struct Version: Sendable, Equatable {
        /// Most models of one, and most versions.
        static let modelLimit = 5
        static let limit = Int(UInt16.max)

        package let version: String
        package let servingModel: ModelName
        package let models: [ModelName]

        package init(version: String, servingModel: ModelName, models: [ModelName]) {
            self.version = version
            self.servingModel = servingModel
            self.models = Array(models.prefix(Self.modelLimit))
        }

        func encode(into writer: inout ByteWriter) {
            writer.counted(version)
            writer.counted(servingModel.rawValue)
            writer.varint(UInt64(models.count))
            for model in models { writer.counted(model.rawValue) }
        }

        init(decoding reader: inout ByteReader) throws(StateError) {
            version = try reader.text()
            servingModel = try Self.model(&reader)
            var models: [ModelName] = []
            for _ in 0..<(try reader.count(ofAtLeast: 1)) { models.append(try Self.model(&reader)) }
            guard (1...Self.modelLimit).contains(models.count), models.contains(servingModel) else {
                throw StateError("no models")
            }
            self.models = models
        }

        private static func model(_ reader: inout ByteReader) throws(StateError) -> ModelName {
            guard let model = ModelName(rawValue: try reader.text()) else { throw StateError("an unknown model") }
            return model
        }
    }
}

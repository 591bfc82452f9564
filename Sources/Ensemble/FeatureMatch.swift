import Features
import Settings

/// Maps a model file's features to the schema's.
struct FeatureMatch {
    /// Indices in the schema, by the file's feature number.
    let places: [Int32]
    /// Whether the file names its features; otherwise they are taken to be in the schema's order.
    let isByName: Bool

    /// - Parameters:
    ///   - names: as in the file, empty where it has none. Names that the libraries make up (`f0`, `Column_0`) count as none.
    ///   - count: the number of features that the file states.
    ///   - schema: of the features that are computed.
    /// - Throws: `ArtifactError` listing names that the schema does not have, each with the nearest that it has.
    init(names: [String], count: Int?, schema: FeatureSchema, path: String) throws(ArtifactError) {
        func refuse(_ reason: String) -> ArtifactError { ArtifactError(path: path, reason: reason) }
        guard let count, count > 0 else { throw refuse("does not say how many features its model has") }
        let isUnnamed =
            names.isEmpty
            || names.enumerated().allSatisfy { $0.element == "f\($0.offset)" || $0.element == "Column_\($0.offset)" }
        guard !isUnnamed else {
            guard count == FeatureSchema.count else {
                throw refuse(
                    "learned from \(count) features without names, the schema has \(FeatureSchema.count): "
                        + "train with feature names (trainer features lists them)")
            }
            places = (0..<Int32(count)).map { $0 }
            isByName = false
            return
        }
        guard names.count == count else { throw refuse("names \(names.count) features and has \(count)") }
        let known = Dictionary(uniqueKeysWithValues: zip(schema.names, Int32(0)...))
        let unknown = names.filter { known[$0] == nil }
        guard unknown.isEmpty else {
            let listed = unknown.prefix(Self.listed).map { name in
                let nearest = name.count <= 100 ? name.nearest(in: Set(schema.names)) : nil
                return String(reflecting: String(name.prefix(100))) + (nearest.map { " (nearest: \($0))" } ?? "")
            }
            let others = unknown.count - listed.count
            throw refuse(
                "has features that the schema does not have: \(listed.joined(separator: ", "))"
                    + (others > 0 ? " and \(others) others" : "") + "; trainer features lists those that there are")
        }
        guard Set(names).count == names.count else { throw refuse("names a feature twice") }
        places = names.compactMap { known[$0] }
        isByName = true
    }

    /// Most unknown names that a message lists.
    private static let listed = 10

    /// The index in the schema of the file's feature; `nil` beyond the file's features.
    func place(_ feature: Int64) -> Int32? {
        places.indices.contains(Int(clamping: feature)) ? places[Int(feature)] : nil
    }
}

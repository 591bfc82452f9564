import Ensemble
import Features
import Foundation

/// Distributions of the training data's features and of the model's probabilities for it: an artifact's `reference.json`.
///
/// Only the first event of each invoice counts, since rows of one invoice are nearly the same.
package struct ReferenceDistributions: Codable, Equatable, Sendable {
    /// One feature's values, or the served model's probabilities.
    package struct Distribution: Codable, Equatable, Sendable {
        /// The feature's name in the schema, or `probability`.
        package let name: String
        /// Boundaries between the bins, ascending. A value's bin is the number of edges at or below it.
        package let edges: [Float]
        /// Rows by bin: one bin more than edges, and a last one for rows without a value.
        package let counts: [Int]
        /// Least value; `nil` when no row had one.
        package let least: Float?
        /// Greatest value; `nil` when no row had one.
        package let greatest: Float?
    }

    /// The file's name in an artifact.
    package static let fileName = "reference.json"
    /// Most edges of a distribution. Each bin is a tenth of the rows unless values tie.
    static let edgeLimit = 9

    /// Rows that were counted.
    package let rows: Int
    /// Effective sample size: so many independent rows would be as informative as these, which are clustered by customer (Kish,
    /// "Survey Sampling", 1965).
    package let effectiveRows: Double
    /// In schema order.
    package let features: [Distribution]
    /// The served model's probability.
    package let score: Distribution

    enum CodingKeys: String, CodingKey {
        case rows, features, score
        case effectiveRows = "effective_rows"
    }

    /// Bins a matrix's rows.
    /// - Parameters:
    ///   - customers: each row's customer.
    ///   - probabilities: each row's, by the served model.
    /// - Complexity: O(features × rows × log rows).
    package init(_ matrix: FeatureMatrix, of schema: FeatureSchema, customers: [Int32], probabilities: [Double]) {
        precondition(matrix.rowCount == customers.count && customers.count == probabilities.count)
        rows = matrix.rowCount
        effectiveRows = Self.effectiveRows(customers)
        features = schema.names.enumerated().map { feature, name in
            Distribution(
                name: name,
                values: (0..<matrix.rowCount).map { matrix.values[$0 * FeatureSchema.count + feature] })
        }
        score = Distribution(name: "probability", values: probabilities.map { Float($0) })
    }

    /// Reads an artifact's reference.
    /// - Returns: `nil` when it has none.
    /// - Throws: `ArtifactError` when it is damaged or describes other features.
    package init?(_ artifact: ModelArtifact) throws(ArtifactError) {
        guard let bytes = artifact.otherFiles[Self.fileName] else { return nil }
        let path = "\(artifact.directory)/\(Self.fileName)"
        do {
            self = try JSONDecoder().decode(Self.self, from: Data(bytes))
        } catch {
            throw ArtifactError(path: path, reason: "cannot be understood: \(error)")
        }
        guard features.map(\.name) == artifact.schema.names, rows > 0, effectiveRows >= 1,
            (features + [score]).allSatisfy({ distribution in
                distribution.edges.count <= Self.edgeLimit && distribution.counts.count == distribution.edges.count + 2
                    && distribution.counts.allSatisfy { $0 >= 0 } && distribution.counts.reduce(0, &+) == rows
                    && zip(distribution.edges, distribution.edges.dropFirst()).allSatisfy { $0 < $1 }
            })
        else { throw ArtifactError(path: path, reason: "is not of these features: train anew") }
    }

    /// (Σ nᵢ)² / Σ nᵢ², where customer i has nᵢ rows.
    static func effectiveRows(_ customers: some Sequence<some Hashable>) -> Double {
        var counts: [AnyHashable: Double] = [:]
        for customer in customers { counts[AnyHashable(customer), default: 0] += 1 }
        let (sum, squares) = counts.values.reduce((0.0, 0.0)) { ($0.0 + $1, $0.1 + $1 * $1) }
        return squares > 0 ? sum * sum / squares : 0
    }
}

extension ReferenceDistributions.Distribution {
    init(name: String, values: [Float]) {
        self.name = name
        let present = values.filter { !$0.isNaN }.sorted()
        var edges: [Float] = []
        for tenth in 1...ReferenceDistributions.edgeLimit where !present.isEmpty {
            let edge = present[tenth * present.count / 10]
            if edge > edges.last ?? present[0] { edges.append(edge) }
        }
        self.edges = edges
        var counts = [Int](repeating: 0, count: edges.count + 2)
        for value in present { counts[edges.count { value >= $0 }] += 1 }
        counts[edges.count + 1] = values.count - present.count
        self.counts = counts
        least = present.first
        greatest = present.last
    }
}

import Features

/// All labeled examples of a history with their feature rows, TRAIN and TEST alike.
///
/// Examples are sorted by time, then by customer. That order does not depend on how the events of different customers
/// were interleaved, so a history gives the same dataset whether it lies in one file or in a topic's partitions.
package struct Dataset: RandomAccessCollection, Sendable {
    private let examples: [Example]
    /// `FeatureSchema.count` floats a row; an example names its row.
    let matrix: FeatureMatrix

    /// - Parameters:
    ///   - examples: in the order of the dataset.
    ///   - matrix: holds the row that each example names.
    init(examples: [Example], matrix: FeatureMatrix) {
        self.examples = examples
        self.matrix = matrix
    }

    /// The first index, 0.
    package var startIndex: Int { 0 }
    /// The number of examples.
    package var endIndex: Int { examples.count }
    /// The example at an index.
    package subscript(index: Int) -> Example { examples[index] }

    /// An example's features: `FeatureSchema.count` floats in schema order, NaN where a value is missing.
    package func features(_ index: Int) -> ArraySlice<Float> { matrix[Int(examples[index].row)] }

    /// Copies an example's features.
    /// - Precondition: `out` has room for `FeatureSchema.count` of them.
    func copyFeatures(_ index: Int, into out: UnsafeMutableBufferPointer<Float>) {
        matrix.copyRow(Int(examples[index].row), into: out)
    }

    /// The feature rows of some examples, in the order of `indices`.
    /// - Parameter encoding: encodes the countries in place of the encoding that the dataset was built with, to score
    ///   by another artifact.
    /// - Complexity: O(rows × features).
    package func rows(_ indices: [Int], encoding: CategoryEncoding? = nil) -> FeatureMatrix {
        var selection = FeatureMatrix(reservingRows: indices.count)
        for index in indices {
            var row = features(index)
            if let encoding {
                row[row.startIndex + Feature.country.rawValue] = encoding.countryRank(examples[index].countryHash)
            }
            selection.append(row: row)
        }
        return selection
    }
}

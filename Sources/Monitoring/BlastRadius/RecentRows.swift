import Events
import Features
import Scoring

/// A ring of the latest rows that a thread has published predictions of, one in so many. Owned by that thread.
///
/// It has what another model needs to score the same moments: features depend on events alone, but for what a model's own table
/// of countries says.
package struct RecentRows: Sendable {
    /// Whose row it is, and what a model's own table is asked for.
    package struct Origin: Sendable {
        let customerID: [UInt8]
        /// Of the event, milliseconds.
        let time: Int64
        let countryHash: UInt64
    }

    /// One prediction in so many is kept.
    package static let samplingInterval = 16

    private let capacity: Int
    private var values: [Float] = []
    private var origins: [Origin] = []
    /// The row that is written next, once the ring is full.
    private var next = 0

    /// - Parameter capacity: rows that it holds; 0 for none.
    package init(rows capacity: Int) { self.capacity = capacity }

    /// Takes a prediction's row.
    /// - Complexity: O(features).
    package mutating func append(_ prediction: borrowing Scorer.Prediction) {
        guard capacity > 0 else { return }
        let origin = Origin(
            customerID: Array(prediction.customerID), time: prediction.time, countryHash: prediction.countryHash)
        let row = prediction.features.assumingMemoryBound(to: Float.self)
        if origins.count < capacity {
            origins.append(origin)
            values.append(contentsOf: row)
        } else {
            origins[next] = origin
            values.replaceSubrange(next * FeatureSchema.count..<(next + 1) * FeatureSchema.count, with: row)
        }
        next = next + 1 == capacity ? 0 : next + 1
    }

    /// What it holds, the oldest first. Immutable.
    package struct Snapshot: Sendable {
        /// Row after row, in schema order.
        let values: [Float]
        let origins: [Origin]
        /// Predictions a day of event time while they were taken; 0 where that is not known.
        let predictionsPerDay: Double

        /// Of several threads' rows.
        package init(_ parts: [Snapshot]) {
            values = parts.flatMap(\.values)
            origins = parts.flatMap(\.origins)
            predictionsPerDay = parts.reduce(0) { $0 + $1.predictionsPerDay }
        }

        fileprivate init(_ values: [Float], _ origins: [Origin]) {
            self.values = values
            self.origins = origins
            let times = origins.map(\.time)
            let days = Double((times.max() ?? 0) - (times.min() ?? 0)) / Double(EventTime.millisecondsPerDay)
            predictionsPerDay = days > 0 ? Double(origins.count * RecentRows.samplingInterval) / days : 0
        }

        /// How many rows there are.
        package var count: Int { origins.count }

        /// The rows as a model reads them.
        /// - Precondition: the model has the features of those whose predictions they were.
        func matrix(for encoding: CategoryEncoding) -> FeatureMatrix {
            var matrix = FeatureMatrix(reservingRows: count)
            for (index, origin) in origins.enumerated() {
                var row = Array(values[index * FeatureSchema.count..<(index + 1) * FeatureSchema.count])
                row[Feature.country.rawValue] = encoding.countryRank(origin.countryHash)
                matrix.append(row: row[...])
            }
            return matrix
        }
    }

    /// - Complexity: O(rows × features).
    package var snapshot: Snapshot {
        guard origins.count == capacity else { return Snapshot(values, origins) }
        let place = next * FeatureSchema.count
        return Snapshot(
            Array(values[place...] + values[..<place]), Array(origins[next...] + origins[..<next]))
    }
}

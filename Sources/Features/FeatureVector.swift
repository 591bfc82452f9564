/// One row of features, in the order of `FeatureSchema`, 32-bit floats, NaN where there is no value.
///
/// It is a view of a row of a `FeatureMatrix`, which owns the memory.
struct FeatureVector {
    let row: UnsafeMutableBufferPointer<Float>

    /// - Precondition: `row` has `FeatureSchema.count` elements.
    init(_ row: UnsafeMutableBufferPointer<Float>) {
        precondition(row.count == FeatureSchema.count)
        self.row = row
    }

    subscript(_ feature: Feature) -> Double {
        get { Double(row[feature.rawValue]) }
        nonmutating set { row[feature.rawValue] = Float(newValue) }
    }
}

/// Feature rows one after the other (row-major), of `FeatureSchema.count` 32-bit floats each.
public struct FeatureMatrix: Sendable {
    /// How many rows there are.
    public private(set) var rowCount = 0
    /// The rows' values, NaN where a feature has none.
    public private(set) var values: [Float] = []

    /// A matrix without rows.
    public init() {}

    /// A matrix without rows, and with memory for so many.
    package init(reservingRows rows: Int) { values.reserveCapacity(rows * FeatureSchema.count) }

    /// Removes the rows and keeps their memory.
    public mutating func removeAll() {
        rowCount = 0
        values.removeAll(keepingCapacity: true)
    }

    /// Appends a row and lets `body` fill it in.
    mutating func appendRow(_ body: (FeatureVector) -> Void) {
        appendEmptyRow()
        values.withUnsafeMutableBufferPointer { buffer in
            body(FeatureVector(UnsafeMutableBufferPointer(rebasing: buffer[(buffer.count - FeatureSchema.count)...])))
        }
    }

    private mutating func appendEmptyRow() {
        values.append(contentsOf: repeatElement(.nan, count: FeatureSchema.count))
        rowCount += 1
    }

    /// Appends a copy of a row.
    /// - Precondition: `row` has `FeatureSchema.count` values.
    package mutating func append(row: ArraySlice<Float>) {
        precondition(row.count == FeatureSchema.count)
        values.append(contentsOf: row)
        rowCount += 1
    }

    /// Appends copies of rows for which another country's rank stands.
    /// - Parameter countryRank: of a row.
    package mutating func append(rows: borrowing FeatureMatrix, countryRank: (Int) -> Float) {
        let first = values.count
        values.append(contentsOf: rows.values)
        for row in 0..<rows.rowCount {
            values[first + row * FeatureSchema.count + Feature.country.rawValue] = countryRank(row)
        }
        rowCount += rows.rowCount
    }

    /// Copies a row's values.
    /// - Precondition: `out` has room for `FeatureSchema.count` values.
    package func copyRow(_ row: Int, into out: UnsafeMutableBufferPointer<Float>) {
        let first = row * FeatureSchema.count
        values.withUnsafeBufferPointer { values in
            _ = out.update(fromContentsOf: values[first..<(first + FeatureSchema.count)])
        }
    }

    /// Calls the body with the bytes of a row, without copying them. They are valid during the call only.
    @inlinable
    public func withRow<Result>(
        _ row: Int, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        precondition(row < rowCount)
        return try values.withUnsafeBytes { bytes in
            let width = FeatureSchema.count * MemoryLayout<Float>.stride
            return try body(UnsafeRawBufferPointer(rebasing: bytes[(row * width)..<((row + 1) * width)]))
        }
    }

    /// A row's values.
    package subscript(row: Int) -> ArraySlice<Float> {
        values[(row * FeatureSchema.count)..<((row + 1) * FeatureSchema.count)]
    }
}

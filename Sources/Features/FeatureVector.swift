/// One row of features, in the order of `FeatureSchema`, 32-bit floats, NaN where there is no value.
///
/// A view into memory that somebody else owns (a row of a `FeatureMatrix`).
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

/// Feature rows one after the other, row-major, growing as rows are asked for.
public struct FeatureMatrix: Sendable {
    public private(set) var rowCount = 0
    public private(set) var values: [Float] = []

    public init() {}

    public init(reservingRows rows: Int) { values.reserveCapacity(rows * FeatureSchema.count) }

    /// Forgets the rows and keeps the memory.
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

    /// Appends a row as it is.
    public mutating func append(row: ArraySlice<Float>) {
        precondition(row.count == FeatureSchema.count)
        values.append(contentsOf: row)
        rowCount += 1
    }

    /// Copies a row's values.
    /// - Precondition: `out` has room for `FeatureSchema.count` of them.
    public func copyRow(_ row: Int, into out: UnsafeMutableBufferPointer<Float>) {
        let first = row * FeatureSchema.count
        values.withUnsafeBufferPointer { values in
            _ = out.update(fromContentsOf: values[first..<(first + FeatureSchema.count)])
        }
    }

    /// A row's bytes, where they lie.
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
    public subscript(row: Int) -> ArraySlice<Float> {
        values[(row * FeatureSchema.count)..<((row + 1) * FeatureSchema.count)]
    }
}

import Events

/// How far a partition has come in event time, for deciding who has been idle too long.
///
/// It is the latest time at or beyond which a whole block of 64 successive events lay: a single event from a broken clock
/// moves it nowhere, and it depends on the events and their order alone.
public struct PartitionClock: Equatable, Sendable {
    static let block = 64

    /// Milliseconds; 0 before the first block is full.
    public private(set) var time: Int64 = 0
    private var inBlock = 0
    private var blockMinimum = Int64.max

    public init() {}

    public mutating func observe(_ time: Int64) {
        blockMinimum = min(blockMinimum, time)
        inBlock += 1
        guard inBlock == Self.block else { return }
        self.time = max(self.time, blockMinimum)
        inBlock = 0
        blockMinimum = .max
    }

    public func encode(into writer: inout ByteWriter) {
        writer.signed(time)
        writer.varint(UInt64(inBlock))
        writer.signed(blockMinimum)
    }

    public init(decoding reader: inout ByteReader) throws(StateError) {
        time = try reader.signed()
        let count = try reader.varint()
        guard count < UInt64(Self.block) else { throw StateError("a partition clock with a block of \(count) events") }
        inBlock = Int(count)
        blockMinimum = try reader.signed()
        guard (0...EventTime.latest).contains(time),
            blockMinimum == .max || (0...EventTime.latest).contains(blockMinimum)
        else { throw StateError("a partition clock outside 1970 to 9999") }
    }
}

import Events

/// How far a partition has come in event time, by which customers count as idle.
///
/// The time is the maximum over all blocks of 64 successive events of the block's earliest event time. So a single event
/// from a wrong clock does not move it, and it depends on the events and their order alone.
public struct PartitionClock: Equatable, Sendable {
    static let block = 64

    /// Milliseconds; 0 before the first block is full.
    public private(set) var time: Int64 = 0
    private var inBlock = 0
    private var blockMinimum = Int64.max

    /// A clock before the first event.
    public init() {}

    /// Advances the clock by one event.
    /// - Parameter time: event time, milliseconds.
    public mutating func observe(_ time: Int64) {
        blockMinimum = min(blockMinimum, time)
        inBlock += 1
        guard inBlock == Self.block else { return }
        self.time = max(self.time, blockMinimum)
        inBlock = 0
        blockMinimum = .max
    }

    /// Appends the clock.
    package func encode(into writer: inout ByteWriter) {
        writer.signed(time)
        writer.varint(UInt64(inBlock))
        writer.signed(blockMinimum)
    }

    /// Decodes a clock.
    /// - Throws: `StateError` for bytes that no clock encodes to.
    package init(decoding reader: inout ByteReader) throws(StateError) {
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

import CZlib
import CZstd

/// Unpacks a compressed file piece by piece.
protocol Unpacker: AnyObject {
    /// The format's name, for error messages.
    var name: String { get }
    /// Whether the data may end here: between two members of the file.
    var isBetweenMembers: Bool { get }

    /// Whether the last call filled the room, so that there may be more without further input.
    var mayHoldMore: Bool { get }

    /// Unpacks as much as there is room for.
    /// - Returns: how many bytes of the input have been used, and how many were written.
    /// - Throws: `Unpacking.Damage`.
    func unpack(_ input: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer) throws(Unpacking.Damage)
        -> (used: Int, written: Int)
}

/// The compressed formats that are read.
enum Unpacking {
    /// What is wrong with compressed data.
    struct Damage: Error {
        let reason: String
    }

    /// The unpacker for a file that begins with these bytes; `nil` for one that is not compressed.
    static func unpacker(for head: UnsafeRawBufferPointer) -> (any Unpacker)? {
        if head.starts(with: [0x1F, 0x8B]) { return Gzip() }
        if head.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) { return Zstandard() }
        return nil
    }
}

/// gzip (RFC 1952); members that follow one another are one file.
private final class Gzip: Unpacker {
    let name = "gzip"
    private(set) var isBetweenMembers = false
    private(set) var mayHoldMore = false
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)

    init() {
        stream.initialize(to: z_stream())
        // 15 window bits, plus 16: gzip framing only.
        let status = inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        precondition(status == Z_OK, "zlib does not start")
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    func unpack(_ input: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer) throws(Unpacking.Damage)
        -> (used: Int, written: Int)
    {
        if isBetweenMembers, !input.isEmpty {
            inflateReset(stream)
            isBetweenMembers = false
        }
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(input.count)
        stream.pointee.next_out = buffer.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(buffer.count)
        let status = inflate(stream, Z_NO_FLUSH)
        if status == Z_STREAM_END {
            isBetweenMembers = true
        } else if status != Z_OK && status != Z_BUF_ERROR {
            throw Unpacking.Damage(reason: stream.pointee.msg.map { String(cString: $0) } ?? "code \(status)")
        }
        mayHoldMore = stream.pointee.avail_out == 0 && status != Z_STREAM_END
        return (input.count - Int(stream.pointee.avail_in), buffer.count - Int(stream.pointee.avail_out))
    }
}

/// Zstandard (RFC 8878); frames that follow one another are one file.
private final class Zstandard: Unpacker {
    let name = "Zstandard"
    private(set) var isBetweenMembers = false
    private(set) var mayHoldMore = false
    private let stream: OpaquePointer

    init() {
        guard let stream = ZSTD_createDStream() else { preconditionFailure("zstd does not start") }
        self.stream = stream
    }

    deinit { ZSTD_freeDStream(stream) }

    func unpack(_ input: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer) throws(Unpacking.Damage)
        -> (used: Int, written: Int)
    {
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
        let status = ZSTD_decompressStream(stream, &target, &source)
        if ZSTD_isError(status) != 0 { throw Unpacking.Damage(reason: String(cString: ZSTD_getErrorName(status))) }
        if source.pos > 0 || target.pos > 0 { isBetweenMembers = status == 0 }
        mayHoldMore = target.pos == buffer.count && status != 0
        return (source.pos, target.pos)
    }
}

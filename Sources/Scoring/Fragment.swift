/// The constant bytes between two values of a payload, padded so that they can be copied in pieces of 32.
///
/// Unchecked Sendable: the bytes are written once in `init`, and the encoder keeps their `Memory` alive.
struct Fragment: @unchecked Sendable {
    fileprivate let bytes: UnsafeRawPointer
    let count: Int

    init(_ text: [UInt8], _ memory: Memory) {
        let room = UnsafeMutableRawPointer.allocate(byteCount: Fragment.room(text.count), alignment: 32)
        room.initializeMemory(as: UInt8.self, repeating: 0, count: Fragment.room(text.count))
        text.withUnsafeBytes { if let base = $0.baseAddress { room.copyMemory(from: base, byteCount: $0.count) } }
        bytes = UnsafeRawPointer(room)
        count = text.count
        memory.fragments.append(self)
    }

    static func room(_ count: Int) -> Int { (count + 31) / 32 * 32 }

    /// - Parameter out: room for the bytes, rounded up to 32.
    @inline(__always)
    func write(to out: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
        var at = 0
        while at < count {
            UnsafeMutableRawPointer(out + at).storeBytes(
                of: bytes.loadUnaligned(fromByteOffset: at, as: SIMD32<UInt8>.self), as: SIMD32<UInt8>.self)
            at &+= 32
        }
        return out + count
    }

    /// Owns the fragments' bytes; freed with the last copy of their encoder.
    ///
    /// Unchecked Sendable: it is filled before the encoder is shared.
    final class Memory: @unchecked Sendable {
        fileprivate(set) var fragments: [Fragment] = []

        /// The memory that writing each fragment once needs, in bytes.
        var room: Int { fragments.reduce(0) { $0 + Fragment.room($1.count) } }

        deinit { for fragment in fragments { fragment.bytes.deallocate() } }
    }
}

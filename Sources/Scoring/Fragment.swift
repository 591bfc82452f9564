/// What stands between the values of a payload: bytes with room behind them for copies in pieces of 32.
///
/// Unchecked: the bytes are written once, and whoever writes the payload keeps their memory.
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

    /// Frees the fragments with the last copy of their encoder.
    ///
    /// Unchecked: filled before anyone else sees it.
    final class Memory: @unchecked Sendable {
        fileprivate(set) var fragments: [Fragment] = []

        /// Room for each of them once.
        var room: Int { fragments.reduce(0) { $0 + Fragment.room($1.count) } }

        deinit { for fragment in fragments { fragment.bytes.deallocate() } }
    }
}

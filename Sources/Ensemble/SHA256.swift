import CCrypto

/// Incremental SHA-256 (FIPS 180-4) by OpenSSL.
package final class SHA256 {
    private let context: OpaquePointer

    /// A hash of no bytes yet.
    package init() {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
            preconditionFailure("OpenSSL offers no SHA-256")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Length of a digest, bytes.
    package static let byteCount = 32

    /// Appends bytes to what is hashed.
    package func update(_ bytes: UnsafeRawBufferPointer) { EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) }

    /// Appends bytes to what is hashed.
    package func update(_ bytes: [UInt8]) { EVP_DigestUpdate(context, bytes, bytes.count) }

    /// Writes the digest, and starts over with no bytes.
    /// - Precondition: `digest` has `byteCount` bytes.
    package func finish(into digest: inout [UInt8]) {
        precondition(digest.count == Self.byteCount)
        EVP_DigestFinal_ex(context, &digest, nil)
        EVP_DigestInit_ex(context, nil, nil)
    }

    /// The digest as 64 hexadecimal digits; starts over with no bytes.
    package func finish() -> String {
        var digest = [UInt8](repeating: 0, count: Self.byteCount)
        finish(into: &digest)
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// The digest of an array, 64 hexadecimal digits.
    package static func digest(_ bytes: [UInt8]) -> String {
        let hash = SHA256()
        bytes.withUnsafeBytes { hash.update($0) }
        return hash.finish()
    }
}

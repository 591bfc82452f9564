import CRDKafka

/// The librdkafka that this process has loaded, which may be newer than the one that it was built with.
package enum Library {
    /// Such as `2.0.2`.
    package static var version: String { String(cString: rd_kafka_version_str()) }

    /// Whether it is older than a release.
    package static func isOlder(than major: Int32, _ minor: Int32, _ patch: Int32) -> Bool {
        rd_kafka_version() < major << 24 | minor << 16 | patch << 8
    }
}

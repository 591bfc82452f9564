import Foundation

/// Which models score beside the one in service: a directory's `roles.json`.
///
/// A canary serves a share of the customers in place of the one in service. A challenger serves nobody; it scores the same rows,
/// and is graded by the same labels.
package struct ModelRoles: Codable, Equatable, Sendable {
    /// A model that serves a share of the customers.
    package struct Canary: Codable, Equatable, Sendable {
        /// The artifact's version.
        package let version: String
        /// Customers that it serves, of 10,000.
        package let perTenThousand: Int

        enum CodingKeys: String, CodingKey {
            case version
            case perTenThousand = "customers_of_10000"
        }

        /// - Precondition: 1 ≤ `perTenThousand` ≤ 10,000.
        package init(version: String, perTenThousand: Int) {
            precondition((1...10_000).contains(perTenThousand))
            self.version = version
            self.perTenThousand = perTenThousand
        }

        /// Whether it serves a customer: always the same ones, whatever its version, and more as the share grows.
        /// - Parameter hash: `contentHash` of the customer's identifier.
        @inlinable
        @inline(__always)
        package static func serves(_ hash: UInt64, perTenThousand: Int) -> Bool {
            // Other bits than those by which customers are sampled and dealt out.
            Int((hash &* 0x9E37_79B9_7F4A_7C15) >> 40) % 10_000 < perTenThousand
        }
    }

    /// Most challengers.
    package static let challengerLimit = 3

    /// `nil` where there is none.
    package var canary: Canary?
    /// Versions, at most `challengerLimit`.
    package var challengers: [String]

    /// No model beside the one in service.
    package init(canary: Canary? = nil, challengers: [String] = []) {
        self.canary = canary
        self.challengers = challengers
    }

    /// The versions that have a role.
    package var versions: [String] { [canary?.version].compactMap { $0 } + challengers }

    /// Takes a version's role away.
    package mutating func remove(_ version: String) {
        if canary?.version == version { canary = nil }
        challengers.removeAll { $0 == version }
    }

    /// Why they cannot be; `nil` where they can.
    fileprivate var fault: String? {
        if challengers.count > Self.challengerLimit {
            return "names \(challengers.count) challengers; \(Self.challengerLimit) are the most"
        }
        if let canary, !(1...10_000).contains(canary.perTenThousand) {
            return "gives the canary \(canary.perTenThousand) of 10000 customers: it must be 1 to 10000"
        }
        if let odd = versions.first(where: { !ModelArtifact.isVersion($0) }) {
            return "names \(odd.prefix(80)), which is no version of a model"
        }
        return Set(versions).count < versions.count ? "gives one version two roles" : nil
    }
}

extension ArtifactStore {
    private static let rolesName = "roles.json"
    private static let largestRoles = 16_384

    /// Which models score beside the one in service; none where the file is missing.
    /// - Throws: `ArtifactError` when the file cannot be read or understood.
    package func roles() throws(ArtifactError) -> ModelRoles {
        let path = "\(directory)/\(Self.rolesName)"
        guard let bytes = try Self.small(path) else { return ModelRoles() }
        guard let roles = try? JSONDecoder().decode(ModelRoles.self, from: Data(bytes)) else {
            throw ArtifactError(
                path: path,
                reason:
                    "cannot be understood: remove it, and give models their roles again (trainer canary, trainer challenge)"
            )
        }
        if let fault = roles.fault { throw ArtifactError(path: path, reason: fault) }
        return roles
    }

    /// The bytes of a small file; `nil` where there is none.
    private static func small(_ path: String) throws(ArtifactError) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        if file < 0, errno == ENOENT { return nil }
        guard file >= 0 else {
            throw ArtifactError(path: path, reason: "cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= largestRoles else {
            throw ArtifactError(path: path, reason: "is no regular file of at most \(largestRoles) bytes")
        }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        let count = read(file, &bytes, bytes.count)
        guard count == bytes.count else { throw ArtifactError(path: path, reason: "cannot be read to its end") }
        return bytes
    }

    /// Says which models score beside the one in service. Needs the store's lock.
    /// - Throws: `ArtifactError` when a version that had no role cannot score, or the file cannot be written; the roles then stay as
    ///   they were.
    package func assign(_ roles: ModelRoles) throws(ArtifactError) {
        let path = "\(directory)/\(Self.rolesName)"
        if let fault = roles.fault { throw ArtifactError(path: path, reason: fault) }
        let before = (try? self.roles())?.versions ?? []
        for version in roles.versions where !before.contains(version) {
            guard version != current else {
                throw ArtifactError(path: path, reason: "\(version) is in service, and needs no other role")
            }
            let artifact = try ModelArtifact(path: "\(directory)/\(version)")
            guard artifact.manifest.version == version else {
                throw ArtifactError(
                    path: artifact.directory, reason: "says of itself that it is version \(artifact.manifest.version)")
            }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        do {
            try encoder.encode(roles).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw ArtifactError(path: path, reason: "cannot be written: \((error as NSError).localizedDescription)")
        }
    }
}

import Customers
import Dispatch
import Events
import Foundation
import Kafka
import Synchronization

/// Checkpoints as files on a volume or a shared mount: `DIR/<group>/<topic>/<partition>/<number>-<offset>.checkpoint`,
/// the newest two of each partition.
package final class DirectoryCheckpoints: CheckpointStore {
    private static let kept = 2
    private let root: String
    private let group: String
    /// Writes on a thread of its own, so that the stream does not wait for the disk; only the file is created by the stream.
    private let queue = DispatchQueue(label: "checkpoints", qos: .utility)

    /// - Throws: `WorkerError` when the directory cannot be made or written to.
    package init(path: String, group: String) throws {
        root = path
        self.group = Self.fileName(group)
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw WorkerError(
                "checkpoints.directory: \(path) cannot be made: \((error as NSError).localizedDescription); name a "
                    + "directory that the worker may write to")
        }
        guard access(path, W_OK | X_OK) == 0 else {
            throw WorkerError(
                "checkpoints.directory: \(path) cannot be written to: \(String(cString: strerror(errno)))")
        }
    }

    /// Each file holds everything.
    package var isIncremental: Bool { false }

    /// Reads the newest file that is whole and fits.
    package func restore(_ request: RestoreRequest) throws -> RestoredState {
        let folder = folder(of: request.partition)
        removeTemporaryFiles(in: folder)
        for file in files(in: folder).reversed() {
            let path = "\(folder)/\(file.name)"
            do {
                return try CheckpointFile.read(path: path, request)
            } catch let error as StateError {
                request.warn("checkpoint \(path) is passed over: \(error)")
            }
        }
        return RestoredState(header: nil, table: CustomerTable(timeToLiveDays: request.timeToLiveDays))
    }

    /// Begins a file; it gets its name when all of it is on disk.
    package func begin(
        _ header: CheckpointHeader, after lineage: CheckpointLineage, publisher: any CheckpointPublisher
    ) throws -> any CheckpointWriter {
        let folder = folder(of: header.partition)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let number = (files(in: folder).last?.number ?? 0) + 1
        return try Writer(
            header, path: "\(folder)/\(number)-\(header.offset).\(Self.suffix)", queue: queue
        ) { [self] in prune(folder) }
    }

    // MARK: Files

    private static let suffix = "checkpoint"

    private func folder(of partition: TopicPartition) -> String {
        "\(root)/\(group)/\(Self.fileName(partition.topic))/\(partition.partition)"
    }

    /// A name that no file system takes for anything but a name.
    private static func fileName(_ text: String) -> String {
        let plain = CharacterSet(charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
        return text.addingPercentEncoding(withAllowedCharacters: plain) ?? "_"
    }

    /// A partition's checkpoints, oldest first.
    private func files(in folder: String) -> [(number: Int, name: String)] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.compactMap { name in
            guard name.hasSuffix(".\(Self.suffix)"), let number = Int(name.prefix { $0 != "-" }) else { return nil }
            return (number, name)
        }.sorted { $0.number < $1.number }
    }

    private func prune(_ folder: String) {
        for file in files(in: folder).dropLast(Self.kept) { unlink("\(folder)/\(file.name)") }
    }

    /// Removes what a killed owner has left unfinished.
    private func removeTemporaryFiles(in folder: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where name.hasSuffix(".draft")
        {
            unlink("\(folder)/\(name)")
        }
    }

    /// Hands blocks to the queue; the file gets its name when the last one is on disk.
    private final class Writer: CheckpointWriter {
        /// Bytes that may wait for the disk.
        private static let pendingLimit = 16 << 20

        /// What the queue works on.
        private final class Job: @unchecked Sendable {
            // Sendable because only the queue touches the file.
            private var file: OutputFile?
            let pending = Atomic<Int>(0)
            let outcome = Mutex<Result<CheckpointReceipt, any Error>?>(nil)

            init(file: OutputFile) { self.file = file }

            /// Runs a step, unless an earlier one has failed or was the last: there is no file any more then.
            func step(_ body: (OutputFile) throws -> CheckpointReceipt?) {
                guard let file else { return }
                do {
                    guard let receipt = try body(file) else { return }
                    end(.success(receipt))
                } catch {
                    end(.failure(error))
                }
            }

            func end(_ result: Result<CheckpointReceipt, any Error>?) {
                file = nil
                outcome.withLock { $0 = result }
            }
        }

        private let job: Job
        private let queue: DispatchQueue
        private let prune: @Sendable () -> Void
        private var hash: UInt64 = 0
        private var bytes = 0

        init(
            _ header: CheckpointHeader, path: String, queue: DispatchQueue, prune: @escaping @Sendable () -> Void
        ) throws {
            job = Job(file: try OutputFile(path: path))
            self.queue = queue
            self.prune = prune
            var writer = ByteWriter()
            header.encode(into: &writer)
            write(CheckpointFile.magic + CheckpointFile.block(writer.take(), after: &hash))
        }

        deinit { discard() }

        var isReady: Bool { job.pending.load(ordering: .relaxed) < Self.pendingLimit }

        func append(_ records: [UInt8]) {
            if !records.isEmpty { write(CheckpointFile.block(records, after: &hash)) }
        }

        func finish() {
            write(CheckpointFile.block([], after: &hash))
            let receipt = CheckpointReceipt(bytes: bytes, lineage: CheckpointLineage())
            queue.async { [job, prune] in
                job.step { file in
                    try file.close()
                    prune()
                    return receipt
                }
            }
        }

        func committed() {}

        var outcome: Result<CheckpointReceipt, any Error>? { job.outcome.withLock { $0 } }

        func discard() {
            queue.async { [job] in job.step { _ in throw CancellationError() } }
        }

        private func write(_ content: [UInt8]) {
            bytes += content.count
            job.pending.add(content.count, ordering: .relaxed)
            queue.async { [job] in
                job.step { file in
                    try file.write(content)
                    return nil
                }
                job.pending.subtract(content.count, ordering: .relaxed)
            }
        }
    }
}

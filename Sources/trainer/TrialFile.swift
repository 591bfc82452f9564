import Foundation
import Training

/// The results of a hyperparameter search: a header line that identifies the search, then a line a trial, all JSON.
final class TrialFile {
    private(set) var trials: [Tuning.Trial] = []
    private let handle: FileHandle

    /// Opens the file, or creates it. An incomplete last line is removed.
    /// - Throws: `TrainingError` where it holds the results of another search.
    init(path: String, header: Tuning.Header) throws {
        if let data = FileManager.default.contents(atPath: path), !data.isEmpty {
            let whole = data.lastIndex(of: 0x0A).map { data[...$0] } ?? Data()
            let lines = whole.split(separator: 0x0A)
            guard let first = lines.first, (try? JSONDecoder().decode(Tuning.Header.self, from: first)) == header else {
                throw TrainingError(
                    "\(path): holds results of another history, other settings or other ranges; name another file")
            }
            trials = try lines.dropFirst().map { line in
                guard let trial = try? JSONDecoder().decode(Tuning.Trial.self, from: line) else {
                    throw TrainingError("\(path): holds a line that is no trial; name another file")
                }
                guard (0..<1_000_000).contains(trial.number) else {
                    throw TrainingError("\(path): holds a trial of number \(trial.number); name another file")
                }
                return trial
            }
            handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            try handle.truncate(atOffset: UInt64(whole.count))
            try handle.seekToEnd()
        } else {
            do {
                try Self.line(header).write(to: URL(fileURLWithPath: path))
                handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            } catch {
                throw TrainingError("\(path): cannot be written: \((error as NSError).localizedDescription)")
            }
            try handle.seekToEnd()
        }
    }

    /// Appends a trial and flushes it to disk.
    func append(_ trial: Tuning.Trial) throws {
        try handle.write(contentsOf: Self.line(trial))
        try handle.synchronize()
        trials.append(trial)
    }

    private static func line(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return try encoder.encode(value) + [0x0A]
    }
}

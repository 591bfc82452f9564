import Console
import Events
import Inspection
import SchemaRegistry
import Worker

/// A topic or file with the configuration that it is inspected by.
struct InspectedSubject {
    /// What was found.
    struct Findings {
        let proposal: FormatProposal
        /// What the proposal makes of the messages.
        let proposed: Understanding
        /// All of it for people.
        let report: String
    }

    let settings: WorkerSettings
    /// How many messages are looked at.
    let messages: Int

    // MARK: Topic

    func inspectTopic() throws -> Findings {
        let sample = try TopicSample(
            topic: settings.inputTopic, properties: settings.kafkaProperties.client, limit: messages)
        guard !sample.messages.isEmpty else {
            throw InspectionError(
                "topic \(settings.inputTopic) has given no committed message in time: is the broker reachable?")
        }
        let proposal = FormatProposal(for: sample.messages, configured: settings.events) { codec in
            settings.registry.urls.isEmpty
                ? nil : SchemaCatalogue(of: RegistryClient(settings.registry), codec: codec)
        }
        func understanding(_ format: EventFormat) -> Understanding {
            var understanding = Understanding(format, partitions: sample.partitions)
            for message in sample.messages { understanding.add(message) }
            return understanding
        }
        let silent = sample.silentPartitions
        let source =
            "Topic \(settings.inputTopic): \(sample.partitions) partitions, \(sample.total) offsets; looked at "
            + "\(sample.messages.count) messages, the oldest and the newest of each partition"
            + (silent == 0 ? "" : "; \(silent) partitions have not given all in time")
        return findings(source, understanding(settings.events), understanding(proposal.format), proposal, isTopic: true)
    }

    // MARK: File

    func inspect(file path: String) throws -> Findings {
        let reader = try HistoryReader(path: path, format: settings.events, givesAllColumns: true)
        var rows: [InspectedMessage] = []
        while rows.count < messages {
            do throws(HistoryError) {
                guard let row = try reader.nextMessage() else { break }
                rows.append(InspectedMessage(value: [UInt8](row)))
            } catch {
                // What is wrong with rows is counted below.
                guard reader.canGoOn else { break }
            }
        }
        let progress = Progress()
        progress.show("looking for the fields")
        let proposal = FormatProposal(for: rows, configured: settings.events.asJSON, isTable: reader.format == .csv)
        let proposed = understanding(path, proposal.format, progress)
        let configured = understanding(path, settings.events, progress)
        progress.finish()
        let source =
            "File \(path): \(reader.format == .csv ? "CSV" : "JSON"); proposed by the first \(rows.count) rows, tried on all"
        return findings(source, configured, proposed, proposal, isTopic: false)
    }

    private func findings(
        _ source: String, _ configured: Understanding, _ proposed: Understanding, _ proposal: FormatProposal,
        isTopic: Bool
    ) -> Findings {
        let report = InspectionReport(
            source: source, configured: configured, proposed: proposed, proposal: proposal, isTopic: isTopic)
        return Findings(proposal: proposal, proposed: proposed, report: report.text)
    }

    /// What a format makes of all of a file.
    private func understanding(_ path: String, _ format: EventFormat, _ progress: Progress) -> Understanding {
        var understanding = Understanding(format)
        do throws(HistoryError) {
            let reader = try HistoryReader(path: path, format: format)
            var (isOpen, lastRecord) = (true, 0)
            while isOpen {
                do throws(HistoryError) {
                    if let event = try reader.next() {
                        understanding.add(event, isFirst: reader.records != lastRecord)
                        lastRecord = reader.records
                    } else {
                        isOpen = false
                    }
                } catch {
                    guard reader.canGoOn else { throw error }
                    understanding.fail(error.reason)
                }
                if reader.records % 8192 == 0 {
                    progress.show("reading \(path)", detail: "\(reader.records) rows", share: reader.share)
                }
            }
            understanding.end(records: reader.records)
        } catch {
            understanding.stop(error.description)
        }
        return understanding
    }
}

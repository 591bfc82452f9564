import Events
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Worker

// What is asked about customers that the worker's threads hold.
extension API {
    static let mostRanked = 1000

    func ranking(_ request: Request) async throws -> Response {
        let query = try Query(request, takes: ["top"])
        let top = try query.integer("top", default: 20, in: 1...Self.mostRanked)
        let ranking = try await answer { try await worker.ranking(top: top) }
        let thresholds = view.context.thresholds
        let bytes = JSONWriter.text { writer in
            writer.object { writer in
                writer.key("customers")
                writer.integer(ranking.customers)
                writer.key("restoring_partitions")
                writer.array(of: ranking.restoringPartitions) { $0.integer($1) }
                writer.key("entries")
                writer.array(of: ranking.entries) { writer, entry in
                    writer.object { writer in
                        writer.key("customer_id")
                        writer.string(entry.customerID)
                        writer.key("partition")
                        writer.integer(entry.partition)
                        writer.key("probability")
                        writer.number(entry.probability)
                        writer.key("priority")
                        writer.string(thresholds.priority(of: entry.probability).rawValue)
                        writer.key("time")
                        writer.instant(entry.time)
                    }
                }
            }
        }
        return json(ByteBuffer(bytes: bytes))
    }

    func customer(_ request: Request, _ routing: BasicRequestContext) async throws -> Response {
        let query = try Query(request, takes: ["as_of"])
        let asOf = try query.text("as_of").map(Self.instant)
        guard let customerID = Query.decoded(routing.parameters.get("id") ?? "") else {
            throw Problem.badParameter("id", "is not percent-encoded UTF-8")
        }
        guard var report = try await answer({ try await worker.customer(customerID) }) else {
            throw await unknown(customerID)
        }
        if let asOf, asOf < report.state.clock {
            let now = report
            guard let then = try await answer({ try await worker.customer(now, at: asOf) }) else {
                throw Problem(
                    .unknownCustomer, "there was no event of this customer up to \(EventTime.text(asOf))"
                ).with("partition") { $0.integer(now.partition) }
            }
            report = then
        }
        // Whoever has stayed away since their last event is no longer who they were then.
        let state = report.state.advanced(to: asOf ?? report.partitionClock)
        let view = view(ofCustomer: customerID)
        return view.pool.with { workspace in
            workspace.score(state)
            workspace.writer.removeAll()
            CustomerAnswer(report: report, state: state, countries: view.context.artifact.categoryEncoding.countries)
                .write(with: workspace, to: &workspace.writer)
            return json(ByteBuffer(bytes: workspace.writer.bytes))
        }
    }

    /// A time, or `now`.
    private static func instant(_ text: String) throws(Problem) -> Int64 {
        if text == "now" { return Int64(Date().timeIntervalSince1970 * 1000) }
        guard let instant = EventTime.parse(text) else {
            throw .badParameter("as_of", "must be a time as ISO 8601, or now")
        }
        return instant
    }

    /// Why a customer is not known: there is none, or another worker has them.
    private func unknown(_ customerID: String) async -> any Error {
        do {
            switch try await answer({ try await worker.place(of: customerID) }) {
            case .here(let partition):
                return Problem(.unknownCustomer, "no event of this customer has been seen, or they were forgotten")
                    .with("partition") { $0.integer(partition) }
            case .restoring(let partition):
                return Problem(
                    .notReady, "the state of the customer's partition \(partition) is being restored; try again later"
                ).with("partition") { $0.integer(partition) }.with(.retryAfter, "5")
            case .nobody(let partition):
                return Problem(
                    .notReady,
                    "no worker has the customer's partition \(partition) at the moment: the group is dealing its partitions "
                        + "out; try again later"
                ).with("partition") { $0.integer(partition) }.with(.retryAfter, "5")
            case .elsewhere(let partition, let owner):
                return Problem(
                    .customerElsewhere,
                    "the customer's partition \(partition) is assigned to \(owner ?? "another member of the group"): ask there"
                ).with("partition") { $0.integer(partition) }.with("owner") { $0.string(owner) }
            }
        } catch {
            return error
        }
    }

    func answer<Answer: Sendable>(_ query: () async throws -> Answer) async throws -> Answer {
        do {
            return try await query()
        } catch let error as QueryError {
            switch error {
            case .timeout:
                throw Problem(.noAnswer, "no thread came to the question in time; try again in a second")
                    .with(.retryAfter, "1")
            case .notRunning:
                throw Problem(.notReady, "the worker is starting or stopping").with(.retryAfter, "5")
            case .busy:
                throw Problem(.busy, "the log is being read again for somebody else; one is served at a time")
                    .with(.retryAfter, "1")
            case .busyWithModels:
                throw Problem(.busy, "other models are being held against the one in service; try again in a second")
                    .with(.retryAfter, "1")
            case .unreadable(let reason): throw Problem(.logUnreadable, reason).with(.retryAfter, "5")
            case .notInLog(let reason): throw Problem(.notInLog, reason)
            case .noModel(let reason): throw Problem(.unknownModel, reason)
            }
        }
    }
}

import Customers
import Ensemble
import Events
import Features

/// What answering one request for scores takes: made once, used again and again, by one thread at a time.
final class ScoringWorkspace {
    let context: ScoringContext
    var writer = JSONWriter()
    private let decoder: EventDecoder
    private var request = ScoreRequest()
    private var featureRequest: FeatureRequest
    private var matrix = FeatureMatrix(reservingRows: 1)
    private var scores: [Scores] = []
    private var ensemble: Ensemble.Workspace
    private let explaining: Explainer.Workspace?

    init(_ context: ScoringContext) {
        self.context = context
        decoder = EventDecoder(format: context.format.asJSON)
        featureRequest = FeatureRequest(context.artifact.schema)
        ensemble = Ensemble.Workspace(for: context.artifact.ensemble)
        explaining = context.explainer.map { Explainer.Workspace(for: $0) }
    }

    /// Answers `POST /v1/score` into `writer`.
    /// - Complexity: O(bytes of the body); one row is scored, whatever the number of events.
    func score(events body: UnsafeRawBufferPointer, maxEvents: Int, explains: Bool) throws(Problem) {
        try request.read(body, maxEvents: maxEvents)
        var table = CustomerTable(timeToLiveDays: context.timeToLiveDays)
        var customer = 0
        var customerID: [UInt8] = []
        var time: Int64 = 0
        for (index, place) in request.events.enumerated() {
            for event in try events(UnsafeRawBufferPointer(rebasing: body[place]), index) {
                if customerID.isEmpty {
                    customerID = Array(event.customerID)
                } else if !customerID.withUnsafeBytes({ $0.hasSameBytes(as: event.customerID) }) {
                    throw Self.severalCustomers(customerID, Array(event.customerID), index)
                }
                if table.isRepetition(event) { continue }
                customer = table.update(event)
                time = event.time
            }
        }
        if let asOf = request.asOf {
            guard asOf >= table.states[customer].clock else {
                throw .beforeState(asOf, clock: table.states[customer].clock)
            }
            score(table.states[customer].advanced(to: asOf))
        } else {
            table.withState(at: customer) { score($0) }
        }
        let clock = max(table.states[customer].clock, request.asOf ?? 0)
        writer.removeAll()
        writer.object { writer in
            writer.key("customer_id")
            customerID.withUnsafeBytes { writer.string($0) }
            writer.key("event_time")
            writer.instant(time)
            writer.key("as_of")
            writer.instant(clock)
            writePrediction(&writer)
            writeFeatures(&writer)
            if explains { writeExplanation(&writer) }
        }
    }

    /// Answers `POST /v1/score/features` into `writer`.
    func score(features body: UnsafeRawBufferPointer, explains: Bool) throws(Problem) {
        try featureRequest.read(body)
        matrix.removeAll()
        matrix.append(row: featureRequest.row[...])
        context.artifact.ensemble.score(matrix, into: &scores, workspace: &ensemble)
        writer.removeAll()
        writer.object { writer in
            writePrediction(&writer)
            if explains { writeExplanation(&writer) }
        }
    }

    /// Scores a state as it stands; `writePrediction` and the others then tell of it.
    func score(_ state: CustomerState) { withUnsafePointer(to: state) { score($0) } }

    private func score(_ state: UnsafePointer<CustomerState>) {
        matrix.removeAll()
        context.extractor.append(state, to: &matrix)
        context.artifact.ensemble.score(matrix, into: &scores, workspace: &ensemble)
    }

    /// The events of one message as on the topic: at least one, each of a customer.
    private func events(_ bytes: UnsafeRawBufferPointer, _ index: Int) throws(Problem) -> [CustomerEvent] {
        guard bytes.first == UInt8(ascii: "{") else { throw Self.badEvent(index, nil, "must be an object") }
        var events: [CustomerEvent] = []
        do throws(EventError) {
            try decoder.decode(bytes) { events.append($0) }
        } catch {
            throw Self.badEvent(index, error.field, error.reason)
        }
        guard !events.isEmpty else { throw Self.badEvent(index, nil, "holds nothing that counts") }
        guard !events.contains(where: \.isAnonymous) else {
            throw Self.badEvent(
                index, context.format.fields[.customerID], "must name a customer: there is no state without one")
        }
        return events
    }

    private static func badEvent(_ index: Int, _ field: String?, _ reason: String) -> Problem {
        var problem = Problem(.badEvent, "event \(index)\(field.map { ", field \"\($0)\"" } ?? ""): \(reason)")
            .with("index") { $0.integer(index) }
        if let field { problem = problem.with("field") { $0.string(field) } }
        return problem.with("reason") { $0.string(reason) }
    }

    private static func severalCustomers(_ first: [UInt8], _ second: [UInt8], _ index: Int) -> Problem {
        let customers = [first, second].map { String(decoding: $0, as: UTF8.self) }
        return Problem(
            .severalCustomers,
            "event \(index) is of another customer than those before; the events of one are scored together"
        ).with("index") { $0.integer(index) }.with("customers") { $0.array(of: customers) { $0.string($1) } }
    }
}

// What the last row came to, as members of the object being written.
extension ScoringWorkspace {
    /// The row that was scored last, in schema order.
    var row: ArraySlice<Float> { matrix[0] }

    func writePrediction(_ writer: inout JSONWriter) {
        let manifest = context.artifact.manifest
        let served = scores[0][manifest.servingModel]
        writer.key("purchase_probability")
        writer.number(served)
        writer.key("members")
        writer.object { writer in
            for (model, key) in context.memberKeys {
                writer.preparedKey(key)
                writer.number(scores[0][model])
            }
        }
        writer.key("priority")
        writer.string(context.thresholds.priority(of: served).rawValue)
        writer.key("model_version")
        writer.string(manifest.version)
        writer.key("schema_fingerprint")
        writer.string(manifest.schemaFingerprint)
    }

    func writeFeatures(_ writer: inout JSONWriter) {
        writer.key("features")
        writer.object { writer in
            for (key, value) in zip(context.featureKeys, row) {
                writer.preparedKey(key)
                writer.number(value)
            }
        }
    }

    /// What each feature added to the served model's log-odds, the most first; null where the model cannot be explained.
    /// - Complexity: O(nodes of the trees): some hundred times as long as scoring.
    func writeExplanation(_ writer: inout JSONWriter) {
        writer.key("explanation")
        guard let explainer = context.explainer, let explaining else { return writer.null() }
        let row = row
        let explanation = row.withUnsafeBufferPointer {
            explainer.explain($0.baseAddress.unsafelyUnwrapped, explaining)
        }
        writer.object { writer in
            writer.key("model")
            writer.string(explanation.model.rawValue)
            writer.key("method")
            writer.string(explanation.method)
            writer.key("base_log_odds")
            writer.number(explanation.baseLogOdds)
            writer.key("log_odds")
            writer.number(explanation.logOdds)
            writer.key("probability")
            writer.number(explanation.probability)
            writer.key("contributions")
            writer.array(of: explanation.top(FeatureSchema.count)) { writer, entry in
                writer.raw(context.contributionKeys[entry.feature])
                writer.value(row[row.startIndex + entry.feature])
                writer.raw(behind: ",\"log_odds\":")
                writer.value(entry.contribution)
                writer.raw(behind: "}")
            }
        }
    }
}

extension Problem {
    static func beforeState(_ asOf: Int64, clock: Int64) -> Problem {
        Problem(
            .beforeState,
            "as_of is \(EventTime.text(asOf)), and the latest of the events is of \(EventTime.text(clock)): "
                + "leave out what had not happened yet"
        ).with("as_of") { $0.instant(asOf) }.with("clock") { $0.instant(clock) }
    }
}

import Customers
import Events
import Features

/// The second pass over a history: builds the dataset.
///
/// Events go through the same customer state and feature extraction as in serving. Every event whose label is known
/// becomes an example, and so does every customer on each observation date.
struct DatasetBuilder {
    /// How long after an observation date its examples are made: until then a late event of before it may still come.
    /// A customer's own next event makes them earlier.
    private static let lateness = 30 * EventTime.millisecondsPerDay

    private let survey: HistorySurvey
    /// Ascending.
    private let observationDates: [Int64]
    private let timeToLiveDays: Int
    private let isWanted: (Int64) -> Bool
    private let observe: ((CustomerEvent, ArraySlice<Float>) -> Void)?
    private let extractor: FeatureExtractor

    private var examples: [Example] = []
    private var matrix = FeatureMatrix()
    private var eventsRead = 0
    /// By customer's number.
    private var progress: [CustomerProgress]
    /// The row that `observe` is shown.
    private var observedRow = FeatureMatrix()

    /// How far a customer's events have been read.
    private struct CustomerProgress {
        var events: Int32 = 0
        /// Observation dates that are done with.
        var dates = 0
    }

    /// - Parameters:
    ///   - observationDates: milliseconds, ascending.
    ///   - isWanted: whether examples of an instant are wanted, milliseconds.
    ///   - observe: sees every event's feature row, in order of the events, to compare it with what serving computes.
    init(
        survey: HistorySurvey, observationDates: [Int64], encoding: CategoryEncoding, horizon: Horizon,
        timeToLiveDays: Int,
        isWanted: @escaping (Int64) -> Bool, observe: ((CustomerEvent, ArraySlice<Float>) -> Void)? = nil
    ) {
        self.survey = survey
        self.observationDates = observationDates
        self.timeToLiveDays = timeToLiveDays
        self.isWanted = isWanted
        self.observe = observe
        extractor = FeatureExtractor(encoding: encoding, horizon: horizon)
        progress = [CustomerProgress](repeating: CustomerProgress(), count: survey.customers.count)
    }

    /// Reads the history that was surveyed.
    /// - Parameter report: called every 8,192 events with the number of events read.
    /// - Throws: `HistoryError` for a record that cannot be read; `DataError` when the history has changed since the
    ///   survey.
    /// - Complexity: O(events × features).
    consuming func build(_ history: History, report: (History.Reader, Int) -> Void) throws -> Dataset {
        for stream in history.streams.indices { try read(history, stream, report: report) }
        guard eventsRead == survey.events else { throw Self.changed(history) }
        // A customer's examples of one instant stay in their order.
        examples.sort { ($0.time, $0.customer, $0.row) < ($1.time, $1.customer, $1.row) }
        return Dataset(examples: examples, matrix: matrix)
    }

    private mutating func read(_ history: History, _ stream: Int, report: (History.Reader, Int) -> Void) throws {
        var table = CustomerTable(timeToLiveDays: timeToLiveDays)
        var datesPassed = 0
        // Whether an event of the message that is being read had not been sent before.
        var messageIsNew = false
        let reader = try history.open(stream: stream)
        while let event = try reader.next() {
            eventsRead += 1
            if eventsRead % 8192 == 0 { report(reader, eventsRead) }
            if event.isAnonymous { continue }
            guard let customer = survey.customers[event.customerHash] else { throw Self.changed(history) }
            while datesPassed < observationDates.count,
                table.clock.time > observationDates[datesPassed] + Self.lateness
            {
                addObservations(of: table, before: observationDates[datesPassed] + 1)
                datesPassed += 1
            }
            addDueObservations(of: customer, in: table, before: event)
            // Where a message has one prediction, its last event alone has one in serving too.
            let isScored = history.format.predictions == .line || reader.isLastOfMessage
            let isRepeated = table.isRepetition(event)
            if !isRepeated { messageIsNew = true }
            let isExample = isScored && (!isRepeated || (messageIsNew && history.format.predictions == .message))
            add(event, of: customer, isScored: isExample, isRepeated: isRepeated, to: &table)
            if reader.isLastOfMessage { messageIsNew = false }
        }
        addObservations(of: table, before: .max)
        report(reader, eventsRead)
    }

    /// Updates the customer's state by an event, and makes an example of it where its label is known.
    private mutating func add(
        _ event: CustomerEvent, of customer: Int, isScored: Bool, isRepeated: Bool, to table: inout CustomerTable
    ) {
        if isRepeated { table.observe(event.time) }
        guard
            let index = isRepeated
                ? table.index(of: event.customerID, hash: event.customerHash, at: event.time) : table.update(event)
        else { return }
        let ordinal = progress[customer].events
        progress[customer].events += 1
        table.withState(at: index) { state in
            let clock = state.pointee.clock
            if let observe {
                observedRow.removeAll()
                extractor.append(state, to: &observedRow)
                observe(event, observedRow[0])
            }
            guard isScored, isWanted(clock) else { return }
            append(
                .event(isLastOfInvoice: survey.isLastOfInvoice(event, ordinal: ordinal)), customer, clock,
                label: survey.purchases.label(customer: customer, at: clock, invoiceHash: event.invoiceHash),
                position: Int32(truncatingIfNeeded: state.pointee.basket.events),
                country: state.pointee.lifetime.countryHash)
            extractor.append(state, to: &matrix)
        }
    }

    /// Adds all customers' examples on the observation dates before a time, milliseconds.
    private mutating func addObservations(of table: CustomerTable, before time: Int64) {
        for index in table.states.indices {
            guard let customer = survey.customers[table.customerHash(at: index)], isDue(customer, at: time) else {
                continue
            }
            addObservations(of: customer, table.states[index], before: time)
        }
    }

    /// Adds a customer's examples on the observation dates before their next event, which changes their state.
    private mutating func addDueObservations(of customer: Int, in table: CustomerTable, before event: CustomerEvent) {
        guard isDue(customer, at: event.time) else { return }
        if let index = table.index(of: event.customerID, hash: event.customerHash, at: 0) {
            addObservations(of: customer, table.states[index], before: event.time)
        } else {
            while isDue(customer, at: event.time) { progress[customer].dates += 1 }
        }
    }

    private func isDue(_ customer: Int, at time: Int64) -> Bool {
        let date = progress[customer].dates
        return date < observationDates.count && observationDates[date] < time
    }

    private mutating func addObservations(of customer: Int, _ state: CustomerState, before time: Int64) {
        // Customers who are nearly forgotten are left out: whether they still are in memory must make no difference.
        let longestIdle = Int64(timeToLiveDays) * EventTime.millisecondsPerDay - Self.lateness
        while isDue(customer, at: time) {
            let date = observationDates[progress[customer].dates]
            progress[customer].dates += 1
            guard state.clock <= date, date - state.clock <= longestIdle,
                let first = state.lifetime.firstPurchaseTime, first < date
            else { continue }
            let label = survey.purchases.label(customer: customer, at: date, invoiceHash: nil)
            append(.observation, customer, date, label: label, position: 0, country: state.lifetime.countryHash)
            extractor.append(state.advanced(to: date), to: &matrix)
        }
    }

    /// Appends an example, whose features must be appended to the matrix next.
    private mutating func append(
        _ kind: Example.Kind, _ customer: Int, _ time: Int64, label: Bool, position: Int32, country: UInt64
    ) {
        examples.append(
            Example(
                kind: kind, customer: Int32(customer), time: time, label: label, positionInInvoice: position,
                countryHash: country, row: Int32(matrix.rowCount)))
    }

    private static func changed(_ history: History) -> DataError {
        DataError("\(history.paths[0]): changed while it was read: give a history that stands still")
    }
}

import Events

/// What a format makes of messages: the events, and the messages that are none by what is wrong with them.
package struct Understanding {
    /// What is wrong with messages, with how many it is wrong with.
    package struct Failure {
        /// The first message's error.
        package let reason: String
        /// How many have the same one but for what is quoted.
        package fileprivate(set) var count: Int
    }

    /// A customer's events.
    private struct Customer {
        let id: String
        var events = 0
        let partition: Int32
        var isSplit = false
    }

    /// Messages or rows that were decoded.
    package private(set) var messages = 0
    /// Messages that are events.
    package private(set) var understood = 0
    /// Messages that say nothing that counts, such as a deletion, and tombstones.
    package private(set) var silent = 0
    /// Events, each line of an order one.
    package private(set) var events = 0
    /// Events without a customer.
    package private(set) var anonymous = 0
    /// Events that give something back.
    package private(set) var cancellations = 0
    /// Events older than one before them in their partition.
    package private(set) var late = 0
    /// Earliest and latest time, milliseconds since 1970; `nil` without events.
    package private(set) var span: ClosedRange<Int64>?
    /// Milliseconds from events to their messages, where messages have a time.
    package private(set) var delays: [Int64] = []
    /// How messages are keyed.
    package private(set) var keys: KeySurvey
    private var failuresByKind: [String: Failure] = [:]
    private var customers: [UInt64: Customer] = [:]
    /// Of each partition the latest time so far.
    private var clocks: [Int32: Int64] = [:]
    private let decoder: EventDecoder

    /// Nothing yet.
    /// - Parameter partitions: of the topic; 1 for a file.
    package init(_ format: EventFormat, partitions: Int = 1) {
        decoder = EventDecoder(format: format)
        keys = KeySurvey(partitions: partitions)
    }

    /// What is wrong with messages, the most frequent first.
    package var failures: [Failure] {
        failuresByKind.values.sorted { ($0.count, $1.reason) > ($1.count, $0.reason) }
    }

    /// How many messages are no events.
    package var failed: Int { failuresByKind.values.reduce(0) { $0 + $1.count } }

    /// How many different customers there are.
    package var customerCount: Int { customers.count }

    /// Customers who have messages in two partitions.
    package var splitCustomers: Int { customers.values.count { $0.isSplit } }

    /// The customer with the most events, and their share of all.
    package var largestCustomer: (id: String, share: Double)? {
        customers.values.max { ($0.events, $1.id) < ($1.events, $0.id) }.map {
            ($0.id, Double($0.events) / Double(max(1, events - anonymous)))
        }
    }

    /// Decodes a message.
    package mutating func add(_ message: InspectedMessage) {
        guard let value = message.value else {
            messages += 1
            silent += 1
            return
        }
        var decoded: [CustomerEvent] = []
        value.withUnsafeBytes { bytes in
            // What it cannot be had for is what is wrong with the message.
            try? decoder.fetchSchema(of: bytes)
            do throws(EventError) {
                try decoder.decode(bytes, timestamp: message.timestamp) { decoded.append($0) }
                for event in decoded { note(event, message) }
                count(decoded.count)
                keys.note(message, customer: decoded.first?.customerID)
            } catch {
                fail(error.description)
            }
        }
    }

    /// Takes an event of a file.
    /// - Parameter isFirst: whether it is the first one of its row or message.
    package mutating func add(_ event: CustomerEvent, isFirst: Bool) {
        note(event, nil)
        if isFirst { count(1) }
    }

    /// Notes how many rows or messages a file has: those that are neither events nor wrong say nothing.
    package mutating func end(records: Int) {
        silent += max(0, records - messages)
        messages = max(messages, records)
    }

    /// Why nothing can be read at all, such as a header without a needed column.
    package private(set) var obstacle: String?

    /// Notes that nothing can be read, or nothing more.
    package mutating func stop(_ reason: String) { obstacle = reason }

    /// Notes a message or row that is no event.
    package mutating func fail(_ reason: String) {
        messages += 1
        failuresByKind[Self.kind(reason), default: Failure(reason: reason, count: 0)].count += 1
    }

    private mutating func count(_ events: Int) {
        messages += 1
        if events > 0 { understood += 1 } else { silent += 1 }
    }

    private mutating func note(_ event: CustomerEvent, _ message: InspectedMessage?) {
        events += 1
        span = min(span?.lowerBound ?? event.time, event.time)...max(span?.upperBound ?? event.time, event.time)
        let partition = message?.partition ?? 0
        let clock = clocks[partition] ?? .min
        if event.time < clock { late += 1 }
        clocks[partition] = max(clock, event.time)
        if event.isCancellation { cancellations += 1 }
        if let timestamp = message?.timestamp { delays.append(timestamp - event.time) }
        guard !event.isAnonymous else {
            anonymous += 1
            return
        }
        if customers[event.customerHash] == nil {
            let id = String(decoding: event.customerID, as: UTF8.self)
            customers[event.customerHash] = Customer(id: id, partition: partition)
        }
        customers[event.customerHash]?.events += 1
        if customers[event.customerHash]?.partition != partition { customers[event.customerHash]?.isSplit = true }
    }

    /// A reason without what is quoted in it and without numbers, so that the same fault of two messages is the same.
    private static func kind(_ reason: String) -> String {
        var isQuoted = false
        return reason.filter { character in
            if character == "\"" { isQuoted.toggle() }
            return !isQuoted && !character.isNumber
        } + reason.prefix { $0 != ":" }
    }
}

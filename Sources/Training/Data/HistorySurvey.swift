import Customers
import Ensemble
import Events
import Features
import Monitoring

/// The first pass over a history: collects what the second pass must know of all of it, such as future purchases.
///
/// The result does not depend on how the events of different customers are interleaved, so a history in one file and the
/// same history in a topic's partitions give equal surveys.
package struct HistorySurvey: Sendable {
    /// All events, those without a customer included.
    package private(set) var events = 0
    /// The earliest event, milliseconds since 1970.
    package private(set) var firstTime = Int64.max
    /// The latest event, milliseconds since 1970.
    package private(set) var lastTime = Int64.min
    /// Whole days from the earliest to the latest event.
    package var days: Int { Int((lastTime - firstTime) / EventTime.millisecondsPerDay) }
    /// Where the earliest and the latest event stand, for messages.
    private var places: (first: History.Place, last: History.Place)?
    /// Longest history accepted: one wrong date must not make decades of observation dates.
    private static let longestDays: Int64 = 20 * 365
    /// Every customer's purchases, from which labels are computed.
    package private(set) var purchases: PurchaseLog
    /// Customers' numbers by the hash of their identifier, in order of the hash.
    package private(set) var customers: [UInt64: Int] = [:]
    /// Identifiers by customers' numbers.
    package private(set) var customerIDs: [[UInt8]] = []
    /// The counts that data checks read.
    package private(set) var profile = DataProfile()
    /// For each (customer, invoice) the ordinal of its last event among the customer's.
    private var lastOrdinal: [CustomerInvoice: Int32] = [:]
    private var countries: [CustomerCountry: (name: String, firstTime: Int64)] = [:]
    private var seen: [Customer] = []
    /// SHA-256 over all fields of each customer's events, in hexadecimal; the same for CSV and NDJSON.
    package private(set) var digest = ""

    /// The customer with the most events.
    package private(set) var largestCustomer: (identifier: String, events: Int) = ("", 0)

    private struct Customer: Sendable {
        let hash: UInt64
        let identifier: [UInt8]
        /// SHA-256 of the digest so far and the next event.
        var digest = [UInt8](repeating: 0, count: SHA256.byteCount)
        var events: Int32 = 0
        var clock = Int64.min
        /// By which what was sent again is told, as in serving.
        var recent = RecentEvents()
    }

    private struct CustomerInvoice: Hashable {
        let customer: UInt64
        let invoice: UInt64
    }

    private struct CustomerCountry: Hashable {
        let customer: UInt64
        let country: UInt64
    }

    /// Reads the whole history.
    /// - Parameters:
    ///   - horizon: how far ahead labels look.
    ///   - progress: called every 8,192 events with the number of events read.
    /// - Throws: `HistoryError` for the first record that cannot be read; `DataError` when no event has a customer, the
    ///   files are out of order, or the history spans more than twenty years.
    /// - Complexity: O(events log events).
    package init(_ history: History, horizon: Horizon, progress: (History.Reader, Int) -> Void) throws {
        purchases = PurchaseLog(horizon: horizon)
        for stream in history.streams.indices { try read(history, stream, progress: progress) }
        let name = history.paths.joined(separator: ", ")
        guard !seen.isEmpty, let places else {
            throw DataError("\(name): \(events) events and not one with a customer: nothing to learn from")
        }
        guard lastTime - firstTime <= Self.longestDays * EventTime.millisecondsPerDay else {
            throw DataError(
                "the history spans more than \(Self.longestDays / 365) years, from "
                    + "\(EventTime.text(firstTime)) (\(history.text(places.first))) to \(EventTime.text(lastTime)) (\(history.text(places.last))): "
                    + "is a date wrong?")
        }
        finish()
    }

    /// How far a file may reach back into the time of the one before it, milliseconds.
    private static let overlap = 30 * EventTime.millisecondsPerDay

    private mutating func read(_ history: History, _ stream: Int, progress: (History.Reader, Int) -> Void) throws {
        let reader = try history.open(stream: stream)
        let hash = SHA256()
        var (file, fileLast) = (reader.place.file, Int64.min)
        var canonical: [UInt8] = []
        var rows = history.streams[stream].count > 1 ? FileOverlap() : nil
        var disorder: String?
        while let event = try reader.next() {
            events += 1
            let place = reader.place
            if place.file != file {
                if disorder != nil { break }
                rows?.beginFile()
                // Customers who have been idle for long are forgotten, so files must follow each other in time.
                if fileLast != .min, event.time < fileLast - Self.overlap {
                    disorder =
                        "\(history.text(place)): begins at \(EventTime.text(event.time)), but the file before it reaches to "
                        + "\(EventTime.text(fileLast)): give the files in order of time, or merged into one"
                }
                (file, fileLast) = (place.file, .min)
            }
            fileLast = max(fileLast, event.time)
            if event.time < firstTime || places == nil {
                (firstTime, places) = (event.time, (reader.place, places?.last ?? reader.place))
            }
            if event.time > lastTime { (lastTime, places!.last) = (event.time, reader.place) }
            if events % 8192 == 0 { progress(reader, events) }
            Self.write(event, to: &canonical)
            let isLate = event.isAnonymous ? false : add(event, canonical, hash)
            let rowHash = canonical.withUnsafeBytes { contentHash($0) }
            profile.add(event, hash: rowHash, isLate: isLate)
            rows?.note(rowHash, time: event.time, at: place)
        }
        progress(reader, events)
        let problems = [disorder, rows?.problem(of: history)].compactMap { $0 }
        guard problems.isEmpty else { throw DataError(problems.joined(separator: "; ")) }
    }

    /// An event's canonical bytes: eight 64-bit little-endian integers, texts by their content hashes.
    private static func write(_ event: CustomerEvent, to bytes: inout [UInt8]) {
        bytes.removeAll(keepingCapacity: true)
        for value in [
            event.customerHash, event.invoiceHash, event.stockCodeHash, event.descriptionHash, event.countryHash,
            UInt64(bitPattern: event.time), UInt64(bitPattern: event.quantity), UInt64(bitPattern: event.unitPrice),
        ] {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
    }

    /// Counts a customer's event.
    /// - Returns: whether the customer had a later event before.
    private mutating func add(_ event: CustomerEvent, _ canonical: [UInt8], _ hash: SHA256) -> Bool {
        let customer = customers[event.customerHash] ?? seen.count
        if customer == seen.count {
            customers[event.customerHash] = customer
            seen.append(Customer(hash: event.customerHash, identifier: Array(event.customerID)))
        }
        hash.update(seen[customer].digest)
        hash.update(canonical)
        hash.finish(into: &seen[customer].digest)
        let isRepeated = seen[customer].recent.contains(event.eventHash)
        if !isRepeated { seen[customer].recent.add(event.eventHash) }
        if !isRepeated {
            lastOrdinal[CustomerInvoice(customer: event.customerHash, invoice: event.invoiceHash)] =
                seen[customer].events
        }
        seen[customer].events += 1
        let isLate = event.time < seen[customer].clock
        seen[customer].clock = max(seen[customer].clock, event.time)
        if event.isPurchase, !isRepeated {
            purchases.append(.init(time: event.time, invoiceHash: event.invoiceHash), customer: customer)
        }
        if event.countryHash != 0 {
            let key = CustomerCountry(customer: event.customerHash, country: event.countryHash)
            let known = countries[key]
            if known == nil || event.time < known!.firstTime {
                countries[key] = (known?.name ?? String(decoding: event.country, as: UTF8.self), event.time)
            }
        }
        return isLate
    }

    /// Numbers the customers in order of their hashes, and closes the digest.
    private mutating func finish() {
        let hash = SHA256()
        let order = seen.indices.sorted { seen[$0].hash < seen[$1].hash }
        for (number, index) in order.enumerated() {
            customers[seen[index].hash] = number
            hash.update(seen[index].digest)
        }
        digest = hash.finish()
        customerIDs = order.map { seen[$0].identifier }
        purchases.renumber(order)
        purchases.sort()
        profile.finish(customers: seen.count)
        // The first by hash of those with equally many.
        for index in order where Int(seen[index].events) > largestCustomer.events {
            largestCustomer = (String(decoding: seen[index].identifier, as: UTF8.self), Int(seen[index].events))
        }
        seen = []
    }

    /// The summary that a manifest records.
    var record: Manifest.History {
        Manifest.History(
            sha256: digest, events: events, anonymousEvents: profile.anonymousEvents, customers: customers.count,
            firstEvent: EventTime.text(firstTime), lastEvent: EventTime.text(lastTime))
    }

    /// Whether an event is the last one of its customer's invoice.
    /// - Parameter ordinal: its place among the customer's events, from 0.
    func isLastOfInvoice(_ event: CustomerEvent, ordinal: Int32) -> Bool {
        lastOrdinal[CustomerInvoice(customer: event.customerHash, invoice: event.invoiceHash)] == ordinal
    }

    /// Countries by number of customers seen in them up to a time, most first; ties by name.
    package func countries(until time: Int64) -> [String] {
        var counts: [String: Int] = [:]
        for entry in countries.values where entry.firstTime <= time { counts[entry.name, default: 0] += 1 }
        return counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
    }
}

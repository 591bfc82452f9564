import Ensemble
import Events
import Monitoring

/// The first walk over a history: what must be known of all of it before points can be made.
public struct HistorySurvey: Sendable {
    public private(set) var events = 0
    public private(set) var anonymousEvents = 0
    public private(set) var firstTime = Int64.max
    public private(set) var lastTime = Int64.min
    private var (firstLine, lastLine) = (0, 0)
    /// Longest history taken: one wrong date must not make decades of snapshots.
    private static let longestDays: Int64 = 20 * 365
    public private(set) var purchases = PurchaseLog()
    /// Customers by the hash of their identifier, numbered in order of appearance.
    public private(set) var customers: [UInt64: Int] = [:]
    /// For each (customer, invoice) the ordinal of its last event; ordinals count the events that are not anonymous.
    private var lastOrdinal: [CustomerInvoice: Int] = [:]
    private var countries: [CustomerCountry: (name: String, firstTime: Int64)] = [:]
    /// SHA-256 over what the events say, whatever notation they came in.
    public private(set) var digest = ""

    private struct CustomerInvoice: Hashable {
        let customer: UInt64
        let invoice: UInt64
    }

    private struct CustomerCountry: Hashable {
        let customer: UInt64
        let country: UInt64
    }

    /// Reads the whole history.
    /// - Parameter progress: told now and then how many events have been read.
    /// - Throws: `HistoryError` for the first record that cannot be read; `TrainingError` when there is no customer.
    public init(_ reader: HistoryReader, progress: (HistoryReader, Int) -> Void) throws {
        let hash = SHA256()
        var canonical: [UInt8] = []
        while let event = try reader.next() {
            events += 1
            if event.time < firstTime { (firstTime, firstLine) = (event.time, reader.line) }
            if event.time > lastTime { (lastTime, lastLine) = (event.time, reader.line) }
            canonical.append(contentsOf: event.customerID)
            canonical.append(0)
            canonical.append(contentsOf: event.invoiceNo)
            canonical.append(0)
            for value in [
                event.stockCodeHash, event.descriptionHash, event.countryHash, UInt64(bitPattern: event.time),
                UInt64(bitPattern: event.quantity), UInt64(bitPattern: event.unitPrice),
            ] {
                withUnsafeBytes(of: value.littleEndian) { canonical.append(contentsOf: $0) }
            }
            if canonical.count > 1 << 16 {
                canonical.withUnsafeBytes { hash.update($0) }
                canonical.removeAll(keepingCapacity: true)
            }
            if events % 8192 == 0 { progress(reader, events) }
            if event.isAnonymous { anonymousEvents += 1 } else { add(event) }
        }
        canonical.withUnsafeBytes { hash.update($0) }
        digest = hash.finish()
        progress(reader, events)
        guard !customers.isEmpty else {
            throw TrainingError("\(reader.path): \(events) events and not one with a customer: nothing to learn from")
        }
        guard lastTime - firstTime <= Self.longestDays * EventTime.millisecondsPerDay else {
            throw TrainingError(
                "\(reader.path): the history spans more than \(Self.longestDays / 365) years, from "
                    + "\(EventTime.text(firstTime)) (line \(firstLine)) to \(EventTime.text(lastTime)) (line \(lastLine)): "
                    + "is a date wrong?")
        }
        purchases.sort()
    }

    private mutating func add(_ event: CustomerEvent) {
        let customer = customers[event.customerHash] ?? customers.count
        if customer == customers.count { customers[event.customerHash] = customer }
        lastOrdinal[CustomerInvoice(customer: event.customerHash, invoice: event.invoiceHash)] =
            events - anonymousEvents - 1
        if event.isPurchase {
            purchases.append(.init(time: event.time, invoiceHash: event.invoiceHash), customer: customer)
        }
        if event.countryHash != 0 {
            let key = CustomerCountry(customer: event.customerHash, country: event.countryHash)
            let known = countries[key]
            if known == nil || event.time < known!.firstTime {
                countries[key] = (known?.name ?? String(decoding: event.country, as: UTF8.self), event.time)
            }
        }
    }

    /// Whether an event is the last of its customer's invoice.
    func isLastOfInvoice(_ event: CustomerEvent, ordinal: Int) -> Bool {
        lastOrdinal[CustomerInvoice(customer: event.customerHash, invoice: event.invoiceHash)] == ordinal
    }

    /// Countries by number of customers seen in them up to a time, most first; ties by name.
    public func countries(until time: Int64) -> [String] {
        var counts: [String: Int] = [:]
        for entry in countries.values where entry.firstTime <= time { counts[entry.name, default: 0] += 1 }
        return counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
    }
}

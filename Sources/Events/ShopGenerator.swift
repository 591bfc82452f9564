/// Histories of a shop that does not exist, of any size: the same events for the same customers, days and seed.
///
/// Customers differ in how often they buy (log-normal rates), for how long (each purchase may be the last), in the size
/// of their baskets and in what they like; some of what was bought comes back as cancellations; autumn is busy, Saturdays
/// are closed; some invoices name no customer. After the buy-till-you-die models of Fader, Hardie and Lee ("Counting
/// Your Customers the Easy Way", 2005).
/// - Complexity: O(1) an event; memory is a few words a customer.
package final class ShopGenerator: EventSource {
    private let encoder: EventEncoder
    private var message: [UInt8] = []
    private let days: Int
    private let seed: UInt64
    private let customers: Int
    private let catalogue: Catalogue

    /// Who buys on which day, and what comes back.
    private var visits: [[Int32]]
    private var returns: [[Return]]
    /// Today's invoices that are still to come, latest first.
    private var invoices: [Invoice] = []
    private var lines: [Line] = []
    private var invoice: Invoice?
    private var day = -1
    private var nextInvoiceNumber: Int64 = 500_000
    private var invoiceText: [UInt8] = []
    private let text = UnsafeMutableRawBufferPointer.allocate(byteCount: 512, alignment: 1)

    /// The shop opens on 2010-12-01.
    static let firstDay = 14_944

    private struct Return {
        let customer: Int32
        let line: Line
    }

    private struct Invoice {
        let minute: Int32
        /// −1 for a customer who gave no name.
        let customer: Int32
        let isReturn: Bool
        let lines: [Line]
    }

    struct Line {
        let product: Int32
        let quantity: Int32
    }

    /// A shop before its first event.
    /// - Parameters:
    ///   - customers: how many there are; at least one.
    ///   - days: how long the shop is open; at least one.
    ///   - seed: another seed gives another shop.
    ///   - format: under which names the messages have their fields, and whether each is an order with lines.
    /// - Complexity: O(customers).
    package init(customers: Int, days: Int, seed: UInt64, format: EventFormat = EventFormat()) {
        encoder = EventEncoder(format: format)
        precondition(customers > 0 && days > 0 && customers <= Int(Int32.max))
        self.customers = customers
        self.days = days
        self.seed = seed
        catalogue = Catalogue(seed: seed)
        visits = Array(repeating: [], count: days)
        returns = Array(repeating: [], count: days)
        for customer in 0..<customers {
            var random = random(customer: Int32(customer), purpose: 1)
            // A third are there from the start; the others come one by one.
            let isEarly = random.uniform() < 0.33
            let first = random.uniform() * Double(isEarly ? min(days, 60) : days)
            visits[Int(first)].append(Int32(customer))
        }
    }

    deinit { text.deallocate() }

    /// How many of the days are over, 0 to 1.
    package var share: Double? { Double(max(day, 0)) / Double(days) }

    /// The next event, or the next order where the format has lines, as a message; `nil` after the last day. It is valid until the
    /// next call.
    package func nextMessage() -> UnsafeRawBufferPointer? {
        guard let fields = nextFields() else { return nil }
        message.removeAll(keepingCapacity: true)
        if encoder.writesOrders {
            encoder.append(orderOf: fields, to: &message) { lines.isEmpty ? nil : nextFields() }
        } else {
            encoder.append(fields, to: &message)
        }
        return message.withUnsafeBytes { UnsafeRawBufferPointer(start: $0.baseAddress, count: $0.count) }
    }

    /// The next event's fields, `nil` after the last day. They stay valid until the next call.
    package func nextFields() -> EventFields? {
        while lines.isEmpty {
            while invoices.isEmpty {
                day += 1
                if day >= days { return nil }
                openDay()
            }
            let next = invoices.removeLast()
            invoice = next
            lines = next.lines.reversed()
            nextInvoiceNumber += 1
            invoiceText.removeAll(keepingCapacity: true)
            if next.isReturn { invoiceText.append(UInt8(ascii: "C")) }
            FixedPoint.appendInteger(nextInvoiceNumber, to: &invoiceText)
        }
        return fields(of: lines.removeLast(), in: invoice!)
    }

    private func random(customer: Int32, purpose: UInt64) -> SplitMix64 {
        var mixer = SplitMix64(seed: seed &+ purpose &* 0x9E6C_63D0_876A_68DE)
        return SplitMix64(seed: mixer.next() ^ (UInt64(UInt32(bitPattern: customer)) &* 0xD1B5_4A32_D192_ED03))
    }

    private func openDay() {
        let buyers = visits[day]
        visits[day] = []
        for customer in buyers {
            let isClosed = EventTime.weekday(ofDay: Int32(Self.firstDay + day)) == 5
            if isClosed {
                if day + 1 < days { visits[day + 1].append(customer) }
                continue
            }
            visit(customer)
        }
        for entry in returns[day] {
            var random = random(customer: entry.customer, purpose: UInt64(day) &* 2 &+ 3)
            invoices.append(
                Invoice(
                    minute: Int32(480 + random.uniform() * 600), customer: entry.customer, isReturn: true,
                    lines: [entry.line]))
        }
        returns[day] = []
        invoices.sort { ($1.minute, $1.customer) < ($0.minute, $0.customer) }
    }

    private func visit(_ customer: Int32) {
        var traits = random(customer: customer, purpose: 0)
        let rate = Elementary.exp(traits.normal() * 0.9 - 3.6)
        let leaving = 0.02 + 0.25 * traits.uniform() * traits.uniform()
        let basketMean = Elementary.exp(traits.normal() * 0.7 + 2.2)
        let isTrade = traits.uniform() < 0.2
        let returning = 0.15 * traits.uniform()
        let taste = traits.next()

        var random = random(customer: customer, purpose: UInt64(day) &* 2 &+ 2)
        let count = max(1, min(200, Int(basketMean * Elementary.exp(random.normal() * 0.5 - 0.1))))
        var bought: [Line] = []
        for _ in 0..<count {
            let product =
                random.uniform() < 0.6
                ? catalogue.favourite(Int(random.next() % 24), taste: taste) : catalogue.popular(random.uniform())
            let packs = [1, 1, 2, 2, 3, 4, 6, 8, 12, 12, 24]
            let quantity = packs[Int(random.next() % UInt64(packs.count))] * (isTrade ? 6 : 1)
            bought.append(Line(product: product, quantity: Int32(quantity)))
        }
        // Some buyers at the till are nobody's account.
        let isAnonymous = random.uniform() < 0.06
        invoices.append(
            Invoice(
                minute: Int32(480 + random.uniform() * 600), customer: isAnonymous ? -1 : customer, isReturn: false,
                lines: bought))

        if !isAnonymous, random.uniform() < returning {
            let line = bought[Int(random.next() % UInt64(bought.count))]
            let back = day + 1 + Int(random.uniform() * 20)
            let part = Line(product: line.product, quantity: -max(1, line.quantity / 2))
            if back < days { returns[back].append(Return(customer: customer, line: part)) }
        }
        guard random.uniform() >= leaving else { return }
        let gap = -Elementary.log(1 - random.uniform()) / (rate * season)
        let next = Double(day) + max(1, gap)
        if next < Double(days) { visits[Int(next)].append(customer) }
    }

    /// How busy the time of year is: 1 on average, near 1.7 in early November.
    private var season: Double {
        let dayOfYear = Double((Self.firstDay + day) % 365)
        // A bump in place of a sine: a busy quarter, the rest of the year even.
        let distance = (dayOfYear - 300) / 45
        return 0.85 + 0.85 / (1 + distance * distance)
    }

    private func fields(of line: Line, in invoice: Invoice) -> EventFields {
        var used = 0
        func write(_ bytes: some Sequence<UInt8>) -> UnsafeRawBufferPointer {
            let start = used
            for byte in bytes {
                text[used] = byte
                used += 1
            }
            return UnsafeRawBufferPointer(rebasing: text[start..<used])
        }
        var number: [UInt8] = []
        func digits(_ value: Int64) -> UnsafeRawBufferPointer {
            number.removeAll(keepingCapacity: true)
            FixedPoint.appendInteger(value, to: &number)
            return write(number)
        }
        let product = catalogue.product(line.product)
        var fields = EventFields()
        if invoice.customer >= 0 {
            fields[.customerID] = .init(.string, digits(Int64(invoice.customer) + 10_000))
        } else {
            fields[.customerID] = .init(.null, UnsafeRawBufferPointer(start: nil, count: 0))
        }
        fields[.invoiceNo] = .init(.string, write(invoiceText))
        fields[.stockCode] = .init(.string, write(product.code))
        fields[.description] = .init(.string, write(product.description))
        fields[.quantity] = .init(.number, digits(Int64(line.quantity)))
        var time: [UInt8] = []
        EventTime.appendISO8601(
            Int64(Self.firstDay + day) * EventTime.millisecondsPerDay + Int64(invoice.minute) * 60_000, to: &time)
        fields[.invoiceDate] = .init(.string, write(time))
        number.removeAll(keepingCapacity: true)
        FixedPoint.appendMoney(product.price, to: &number)
        fields[.unitPrice] = .init(.number, write(number))
        fields[.country] = .init(.string, write(Catalogue.country(of: invoice.customer).utf8))
        return fields
    }
}

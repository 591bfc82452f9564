import Events
import Testing

@Suite struct ShopGeneratorTests {
    struct Digest: Equatable {
        var hash: UInt64 = 0
        var events = 0
        var anonymous = 0
        var returns = 0
        var isOrdered = true
        var customers = Set<UInt64>()
    }

    func digest(seed: UInt64) throws -> Digest {
        let shop = ShopGenerator(customers: 300, days: 200, seed: seed)
        var digest = Digest()
        var last: Int64 = 0
        let eventDecoder = EventDecoder()
        while let fields = shop.nextFields() {
            let event = try eventDecoder.event(of: fields)
            for value in [event.customerHash, event.invoiceHash, event.stockCodeHash, UInt64(bitPattern: event.time)] {
                digest.hash = (digest.hash ^ value) &* 0x9E37_79B9_7F4A_7C15
            }
            digest.events += 1
            if event.isAnonymous { digest.anonymous += 1 } else { digest.customers.insert(event.customerHash) }
            if event.isCancellation { digest.returns += 1 }
            if event.time < last { digest.isOrdered = false }
            last = event.time
        }
        return digest
    }

    @Test func makesTheSameShopFromTheSameSeed() throws {
        #expect(try digest(seed: 4) == digest(seed: 4))
        #expect(try digest(seed: 4).hash != digest(seed: 5).hash)
    }

    @Test func looksLikeAShop() throws {
        let shop = try digest(seed: 4)
        #expect(shop.isOrdered)
        #expect(shop.events > 3000)
        #expect(shop.customers.count > 250 && shop.customers.count <= 300)
        #expect(shop.anonymous > 0 && shop.returns > 0)
    }

    /// Orders with lines say what flat messages say, one after the other.
    @Test func ordersHoldTheLinesOfTheirInvoices() throws {
        var format = EventFormat()
        format.lines = FieldPath("order.items")
        let (orders, flat) = (
            ShopGenerator(customers: 100, days: 120, seed: 4, format: format),
            ShopGenerator(customers: 100, days: 120, seed: 4)
        )
        // The generator writes flat objects: only the last name of a path.
        format.lines = FieldPath("items")
        let (decoder, flatDecoder) = (EventDecoder(format: format), EventDecoder())
        func facts(_ event: CustomerEvent) -> [Int64] {
            [event.customerHash, event.invoiceHash, event.stockCodeHash, event.descriptionHash, event.countryHash].map {
                Int64(bitPattern: $0)
            } + [event.quantity, event.amount, event.time]
        }
        var (messages, lines) = (0, 0)
        while let order = orders.nextMessage() {
            messages += 1
            try decoder.decode(order) { event in
                lines += 1
                guard let message = flat.nextMessage(), let expected = try? flatDecoder.event(in: message) else {
                    Issue.record("line \(lines) is of no event")
                    return
                }
                #expect(facts(event) == facts(expected))
            }
        }
        #expect(flat.nextMessage() == nil)
        #expect(messages > 200 && lines > 3 * messages)
    }
}

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
}

/// The products of the generated shop and the countries of its customers.
struct Catalogue {
    struct Product {
        let code: [UInt8]
        let description: [UInt8]
        /// Ten-thousandths of the currency.
        let price: Int64
    }

    private let products: [Product]

    init(seed: UInt64) {
        var random = SplitMix64(seed: seed ^ 0xC0FF_EE00)
        let sizes = ["SMALL", "MEDIUM", "LARGE", "SET OF 6", "PACK OF 12", "VINTAGE", "MINI", "GIANT"]
        let colours = ["RED", "IVORY", "BLUE", "GREEN", "PINK", "SILVER", "ROSE", "BLACK", "WOODEN", "GLASS"]
        let things = [
            "MUG", "LANTERN", "CAKE STAND", "PARTY BUNTING", "LUNCH BAG", "TEA TOWEL", "CLOCK", "PHOTO FRAME", "CANDLE",
            "JAM JAR", "APRON", "DOORMAT", "BIRD FEEDER", "NOTEBOOK", "UMBRELLA", "RIBBON", "HOOK", "TRAY", "BASKET",
        ]
        products = (0..<4000).map { number in
            let name = [
                sizes[Int(random.next() % UInt64(sizes.count))], colours[Int(random.next() % UInt64(colours.count))],
                things[Int(random.next() % UInt64(things.count))],
            ]
            let pence = max(19, Int64(Elementary.exp(random.normal() * 0.9 + 5.2)))
            return Product(
                code: Array("\(20_000 + number)".utf8), description: Array(name.joined(separator: " ").utf8),
                price: pence * 100)
        }
    }

    func product(_ number: Int32) -> Product { products[Int(number)] }

    /// One of the two dozen products that a taste returns to.
    func favourite(_ number: Int, taste: UInt64) -> Int32 {
        var random = SplitMix64(seed: taste &+ UInt64(number))
        return popular(random.uniform())
    }

    /// The product at a quantile of popularity: a few sell most.
    func popular(_ quantile: Double) -> Int32 { Int32(Double(products.count) * quantile * quantile * quantile) }

    static func country(of customer: Int32) -> String {
        switch customer % 40 {
        case 0: "Germany"
        case 1: "France"
        case 2: customer % 80 == 2 ? "EIRE" : "Spain"
        case 3: customer % 120 == 3 ? "Netherlands" : "Belgium"
        default: "United Kingdom"
        }
    }
}

extension SplitMix64 {
    /// Nearly standard normal: twelve uniforms less six, which needs no tables and gives the same bits everywhere.
    mutating func normal() -> Double {
        var sum = -6.0
        for _ in 0..<12 { sum += uniform() }
        return sum
    }
}

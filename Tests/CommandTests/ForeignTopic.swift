import Events
import Foundation

/// A topic as another shop writes it: the same orders in names and notations of its own.
struct ForeignTopic: Sendable {
    struct Message: Sendable {
        let key: [UInt8]
        let value: [UInt8]
        let time: Int64?
    }

    struct Line: Equatable, Sendable {
        var customer: String
        var invoice: String
        /// `contentHash` of the product's code.
        var product: UInt64
        var quantity: Int64
        var time: Int64
        /// Ten-thousandths.
        var price: Int64
    }

    struct Order: Sendable {
        let customer: String
        let invoice: String
        let time: Int64
        var items: [(code: String, quantity: Int64, price: Int64)]

        var lines: [Line] {
            items.map { item in
                let hash = Array(item.code.utf8).withUnsafeBytes { contentHash($0) }
                return Line(
                    customer: customer, invoice: invoice, product: hash, quantity: item.quantity, time: time,
                    price: item.price)
            }
        }
    }

    let name: String
    /// What of a line such a topic tells.
    var told: @Sendable (Line) -> Line = { $0 }
    /// The text of an order's messages, each an order's or a line's.
    let texts: @Sendable (Order) -> [String]

    func messages(_ orders: [Order]) -> [Message] {
        orders.flatMap { order in
            texts(order).map {
                Message(key: Array(order.customer.utf8), value: Array($0.utf8), time: order.time + 1500)
            }
        }
    }

    /// A month of orders, hours apart; some give something back.
    static func orders() -> [Order] {
        var random = SplitMix64(seed: 17)
        func below(_ limit: UInt64) -> Int64 { Int64(random.next() % limit) }
        return (0..<150).map { number in
            let isReturn = number % 11 == 10
            let items = (0...below(3)).map { _ in
                let quantity = isReturn ? -1 - below(2) : 1 + below(9)
                // Amounts up to the thousands, in cents.
                return (code: "\(20_000 + below(400))-A", quantity: quantity, price: (50 + below(150_000)) * 100)
            }
            return Order(
                customer: "\(12_000 + below(25))", invoice: "\(700_100 + number)",
                time: 1_767_262_500_000 + Int64(number) * 17_340_000, items: items)
        }
    }

    // MARK: Notations

    static func point(_ price: Int64) -> String { String(format: "%.2f", Double(price) / 10_000) }

    static func comma(_ price: Int64) -> String {
        var text = point(price).replacingOccurrences(of: ".", with: ",")
        if text.count > 6 { text.insert(".", at: text.index(text.endIndex, offsetBy: -6)) }
        return text
    }

    static func german(_ time: Int64) -> String { text(time, "dd.MM.yyyy HH:mm") }

    static func text(_ time: Int64, _ pattern: String) -> String {
        let formatter = DateFormatter()
        formatter.dateFormat = pattern
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "UTC")
        return formatter.string(from: Date(timeIntervalSince1970: Double(time) / 1000))
    }

    static func base64(_ price: Int64) -> String {
        let cents = price / 100
        let width = (64 - cents.leadingZeroBitCount) / 8 + 1
        return Data((0..<width).reversed().map { UInt8(truncatingIfNeeded: cents >> (8 * $0)) }).base64EncodedString()
    }

    @Sendable private static func withoutInvoice(_ line: Line) -> Line {
        var line = line
        (line.invoice, line.product) = ("", 0)
        return line
    }

    // MARK: Ten kinds

    static let all: [ForeignTopic] = [
        ForeignTopic(name: "renamed") { order in
            order.items.map {
                """
                {"custId":\(order.customer),"orderNo":"\(order.invoice)","sku":"\($0.code)","productName":"Tee","qty":\($0.quantity),\
                "orderedAt":"\(EventTime.text(order.time))","price":\(point($0.price)),"shippingCountry":"DE"}
                """
            }
        },
        ForeignTopic(name: "orders-with-lines") { order in
            let items = order.items.map {
                #"{"product":{"id":"\#($0.code)","title":"Tee"},"quantity":\#($0.quantity),"price":{"amount":"x","unit_price":\#(point($0.price))}}"#
            }
            return [
                #"{"id":"\#(order.invoice)","customer":{"id":"\#(order.customer)","name":"A"},"created_at":"\#(EventTime.text(order.time))","#
                    + #""tags":["a","b"],"discounts":[{"code":"X","amount":1.5}],"items":[\#(items.joined(separator: ","))]}"#
            ]
        },
        ForeignTopic(name: "debezium") { order in
            order.items.map {
                #"{"before":null,"after":{"id":7,"customer_id":\#(order.customer),"order_id":\#(order.invoice),"product_code":"\#($0.code)","#
                    + #""quantity":\#($0.quantity),"created_at":\#(order.time * 1000),"unit_price":"\#(base64($0.price))"},"#
                    + #""source":{"connector":"postgresql","table":"lines","ts_ms":1},"op":"c","ts_ms":\#(order.time)}"#
            }
        },
        ForeignTopic(name: "cloudevents") { order in
            order.items.map {
                #"{"specversion":"1.0","type":"shop.sold","source":"/shop","id":"\#(order.invoice)-\#($0.code)","time":"\#(EventTime.text(order.time))","#
                    + #""data":{"buyerId":"\#(order.customer)","transactionId":"\#(order.invoice)","itemId":"\#($0.code)","units":\#($0.quantity),"#
                    + #""timestamp":\#(order.time),"itemPrice":"\#(point($0.price))"}}"#
            }
        },
        ForeignTopic(name: "connect") { order in
            order.items.map {
                #"{"schema":{"type":"struct","fields":[{"field":"sold_at","type":"int64","name":"org.apache.kafka.connect.data.Timestamp"}]},"#
                    + #""payload":{"client_id":"\#(order.customer)","receipt_no":"\#(order.invoice)","article_no":"\#($0.code)","pieces":\#($0.quantity),"#
                    + #""sold_at":\#(order.time),"unit_price":\#(point($0.price))}}"#
            }
        },
        ForeignTopic(name: "epoch-seconds-and-totals") { order in
            order.items.map {
                #"{"user_id":"\#(order.customer)","basket_id":"\#(order.invoice)","product_id":"\#($0.code)","quantity":\#($0.quantity),"#
                    + #""ts":\#(order.time / 1000),"sales_value":\#(point($0.price * $0.quantity))}"#
            }
        },
        ForeignTopic(name: "german") { order in
            order.items.map {
                #"{"kundennummer":"\#(order.customer)","bestellnummer":"\#(order.invoice)","artikelnummer":"\#($0.code)","menge":"\#($0.quantity)","#
                    + #""bestelldatum":"\#(german(order.time))","einzelpreis":"\#(comma($0.price))","land":"Deutschland"}"#
            }
        },
        ForeignTopic(name: "us-dates-and-dots") { order in
            order.items.map {
                #"{"Customer.ID":"\#(order.customer)","Order.ID":"\#(order.invoice)","Item.SKU":"\#($0.code)","Item.Quantity":\#($0.quantity),"#
                    + #""Order.Date":"\#(text(order.time, "MM/dd/yyyy hh:mm a"))","Item.Price":\#(point($0.price))}"#
            }
        },
        ForeignTopic(
            name: "statuses"
        ) { order in
            let isReturn = order.items[0].quantity < 0
            return order.items.map {
                #"{"eventId":"\#(order.invoice)/\#($0.code)","order":{"orderStatus":"\#(isReturn ? "refunded" : "paid")","number":"x","orderId":"\#(order.invoice)"},"#
                    + #""customer":{"customerNumber":"\#(order.customer)"},"line":{"sku":"\#($0.code)","qty":\#($0.quantity.magnitude),"#
                    + #""unitPrice":\#(point($0.price))},"occurredAt":"\#(EventTime.text(order.time))"}"#
            }
        },
        ForeignTopic(name: "payments", told: withoutInvoice) { order in
            order.items.map {
                #"{"account_id":"\#(order.customer)","amount_unit":"EUR","count":\#($0.quantity),"paid":true,"#
                    + #""datetime":"\#(text(order.time, "yyyy-MM-dd HH:mm:ss"))","price":\#(point($0.price))}"#
            }
        },
    ]
}

extension ForeignTopic.Line {
    init(_ event: CustomerEvent) {
        customer = String(decoding: event.customerID, as: UTF8.self)
        invoice = String(decoding: event.invoiceNo, as: UTF8.self)
        product = event.stockCodeHash
        quantity = event.quantity
        time = event.time
        price = event.unitPrice
    }
}

import Events

/// What shops call the fields of an event.
enum FieldVocabulary {
    /// Names as one word in lower case, and how telling they are, 1 to 10. A name may go on before it: `shipping_country`.
    private static let names: [EventField: [String: Int]] = [
        .customerID: [
            "customerid": 10, "custid": 10, "customerno": 10, "customernumber": 10, "customerkey": 9, "customer": 8,
            "clientid": 8, "client": 6, "userid": 8, "user": 6, "buyerid": 8, "buyer": 6, "memberid": 8, "shopperid": 8,
            "householdid": 8, "householdkey": 8, "household": 7, "accountid": 6, "account": 4, "contactid": 5,
            "personid": 6, "profileid": 5, "loyaltyid": 7, "cardid": 5, "kundennummer": 10, "kundennr": 10,
            "kundenid": 10,
            "kunde": 8, "clienteid": 9, "idclient": 8, "idcustomer": 9, "email": 3,
        ],
        .invoiceNo: [
            "invoiceno": 10, "invoiceid": 10, "invoicenumber": 10, "invoice": 10, "orderid": 9, "orderno": 9,
            "ordernumber": 9, "orderkey": 9, "order": 7, "basketid": 8, "basket": 7, "transactionid": 8,
            "transactionno": 8, "transaction": 5, "receiptid": 8, "receiptno": 8, "receiptnumber": 8, "receipt": 7,
            "ticketid": 7, "checkoutid": 7, "saleid": 7, "billno": 7, "billid": 7, "documentno": 5, "cartid": 5,
            "bestellnummer": 9, "bestellnr": 9, "auftragsnummer": 9, "rechnungsnummer": 10, "id": 1,
        ],
        .stockCode: [
            "stockcode": 10, "sku": 10, "productid": 9, "productcode": 9, "productkey": 9, "productsku": 10,
            "product": 7,
            "itemid": 8, "itemcode": 8, "itemno": 8, "item": 6, "articleid": 8, "articleno": 8, "article": 6, "asin": 9,
            "ean": 8, "gtin": 8, "upc": 8, "isbn": 8, "variantid": 6, "materialno": 7, "artikelnummer": 9,
            "artikelnr": 9,
            "artikel": 6,
        ],
        .description: [
            "description": 10, "productname": 9, "itemname": 9, "producttitle": 9, "productdescription": 9,
            "itemdescription": 9, "title": 6, "name": 4, "producttype": 5, "bezeichnung": 8, "artikelbezeichnung": 9,
        ],
        .quantity: [
            "quantity": 10, "qty": 10, "quantityordered": 10, "units": 7, "unitssold": 8, "pieces": 7, "itemcount": 5,
            "count": 4, "amount": 2, "weight": 3, "menge": 9, "anzahl": 9, "cantidad": 9, "quantite": 9,
        ],
        .invoiceDate: [
            "invoicedate": 10, "orderdate": 9, "orderedat": 9, "ordertime": 9, "ordertimestamp": 9, "purchasedate": 9,
            "purchasedat": 9, "purchasetime": 9, "transactiontimestamp": 9, "transactiondate": 9, "transactiontime": 9,
            "placedat": 9, "soldat": 9, "saledate": 9, "createdat": 8, "createdon": 8, "created": 7, "eventtime": 8,
            "eventtimestamp": 8, "occurredat": 8, "timestamp": 7, "datetime": 7, "date": 6, "time": 6, "ts": 6,
            "bestelldatum": 9, "rechnungsdatum": 10, "datum": 6, "zeit": 5, "fecha": 6, "at": 2, "updatedat": 2,
        ],
        .unitPrice: [
            "unitprice": 10, "unitamount": 9, "priceperunit": 10, "priceeach": 10, "itemprice": 8, "productprice": 8,
            "sellingprice": 8,
            "netprice": 7, "grossprice": 7, "price": 8, "unitcost": 5, "retailprice": 5, "cost": 3, "einzelpreis": 10,
            "stueckpreis": 10, "preis": 8, "prix": 8, "precio": 8,
        ],
        .lineTotal: [
            "linetotal": 10, "lineamount": 10, "lineprice": 9, "itemtotal": 9, "itemamount": 8, "linevalue": 9,
            "linesum": 9, "salesvalue": 9, "extendedprice": 9,
            "totalprice": 7, "subtotal": 7, "total": 6, "amount": 6, "netamount": 6, "paidamount": 6, "revenue": 6,
            "sales": 5, "value": 3, "gesamtpreis": 8, "betrag": 6, "summe": 6,
        ],
        .country: ["country": 10, "countrycode": 10, "countryname": 9, "land": 5, "pais": 8, "pays": 7, "market": 3],
        .eventID: [
            "eventid": 10, "eventuuid": 10, "messageid": 9, "messageuuid": 9, "idempotencykey": 9, "uuid": 5,
        ],
        .status: ["orderstatus": 10, "status": 8, "paymentstatus": 4, "bestellstatus": 10, "orderstate": 9],
    ]

    /// Words of something else than the event, before a name that would be the event's otherwise.
    private static let others: Set<String> = [
        "customer", "user", "client", "buyer", "billing", "address", "seller", "merchant", "store", "payment",
        "shipment",
        "employee", "supplier", "discount", "shipping", "campaign", "voucher", "schema", "source",
    ]
    private static let ofPeople: Set<String> = [
        "customer", "user", "client", "buyer", "billing", "address", "shipping",
    ]
    /// Words that make another thing of a field's name.
    private static let strangers: [EventField: Set<String>] = [
        .unitPrice: [
            "total", "sub", "line", "order", "extended", "discount", "discounted", "shipping", "list", "old",
            "original", "tax",
            "grand", "sum", "cart", "basket", "delivery", "cost",
        ],
        .lineTotal: [
            "order", "grand", "cart", "basket", "discount", "shipping", "tax", "invoice", "delivery", "running",
        ],
        .quantity: ["stock", "available", "min", "max", "returned", "reserved", "total", "order", "discount"],
        .invoiceDate: [
            "delivery", "delivered", "shipped", "ship", "birth", "due", "return", "returned", "expiry", "expires",
            "expired",
            "updated", "modified", "deleted", "refund", "refunded", "cancelled", "ingested", "loaded", "registered",
            "signup",
            "last", "first", "end", "promised", "requested",
        ],
    ]

    /// How well a path names a field: 0 for not at all, up to 104.
    static func score(_ path: String, as field: EventField) -> Int {
        let words = words(of: path)
        var best = 0
        for count in 1...max(1, min(4, words.count)) where count <= words.count {
            guard let weight = names[field]?[words.suffix(count).joined()] else { continue }
            var score = weight * 10 + count
            let before = Set(words.dropLast(count))
            let isOfPeople = field == .customerID || field == .country
            if !before.isDisjoint(with: isOfPeople ? others.subtracting(ofPeople) : others) { score /= 3 }
            if let own = strangers[field], let last = words.dropLast(count).last, own.contains(last) { continue }
            best = max(best, score)
        }
        return best
    }

    /// The words of a path's names, in lower case: of `payload.orderItems[0].unit_price` payload, order, items, unit, price.
    static func words(of path: String) -> [String] {
        var words: [String] = []
        var word = ""
        var wasLower = false
        func end() {
            if !word.isEmpty { words.append(word.lowercased()) }
            word = ""
        }
        for character in path {
            if !character.isLetter {
                end()
            } else {
                if character.isUppercase, wasLower { end() }
                word.append(character)
            }
            wasLower = character.isLowercase
        }
        end()
        return words
    }

    // MARK: Statuses

    /// The first of those that an order goes through is the one at which it counts.
    static let purchases = [
        "paid", "bezahlt", "captured", "complete", "completed", "placed", "confirmed", "success", "succeeded",
        "created", "new",
        "processing", "shipped", "versendet", "delivered", "fulfilled", "closed",
    ]
    private static let cancellations = [
        "cancelled", "canceled", "refunded", "returned", "void", "voided", "reversed", "chargeback", "storniert",
    ]

    /// What a status says by its word; `nil` for an unknown one.
    static func meaning(ofStatus status: String) -> EventFormat.Meaning? {
        let word = word(ofStatus: status)
        if purchases.contains(word) { return .purchase }
        return cancellations.contains(word) ? .cancellation : nil
    }

    /// The last word of a status, in lower case: of `ORDER_PAID` paid.
    static func word(ofStatus status: String) -> String {
        status.lowercased().split { !$0.isLetter }.last.map(String.init) ?? ""
    }
}

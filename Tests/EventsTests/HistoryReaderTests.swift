import Events
import Foundation
import TestSupport
import Testing

@Suite struct HistoryReaderTests {
    let directory: TemporaryDirectory
    let header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"

    init() throws { directory = try TemporaryDirectory() }

    func read(_ content: String, _ format: EventFormat = EventFormat()) throws -> [String] {
        let reader = try HistoryReader(path: directory.file("history", content), format: format)
        var rows: [String] = []
        while let event = try reader.next() {
            rows.append(
                "\(String(decoding: event.customerID, as: UTF8.self))|\(String(decoding: event.invoiceNo, as: UTF8.self))|"
                    + "\(event.quantity)|\(event.unitPrice)|\(EventTime.text(event.time))")
        }
        return rows
    }

    func error(_ content: String) -> String? {
        do {
            _ = try read(content)
            return nil
        } catch { return "\(error)".replacing(directory.path + "/", with: "") }
    }

    @Test func readsRFC4180() throws {
        let content =
            "\u{FEFF}\(header)\r\n536365,85123A,\"HEART, \"\"WHITE\"\"\nTWO LINES\",6,2010-12-01 08:26:00,2.55,17850,UK\r\n\r\n"
            + "C1,X,,-1,2010-12-01T08:26Z,0.001,,\"\"\r\n2,Y,z,1,2011-01-01 00:00:00,1,12.0,"
        #expect(
            try read(content) == [
                "17850|536365|6|25500|2010-12-01T08:26:00Z", "|C1|-1|10|2010-12-01T08:26:00Z",
                "12|2|1|10000|2011-01-01T00:00:00Z",
            ])
    }

    @Test func findsColumnsUnderAnyOfTheirNames() throws {
        var format = EventFormat()
        format.fields[.customerID] = "client"
        let row = "5,1,A,2011-01-01,3,9"
        #expect(try read("client,Invoice,stock_code,InvoiceDate,Price,quantity\n\(row)", format).count == 1)
        #expect(try read("Customer ID,Invoice,StockCode,InvoiceDate,Price,Quantity\n\(row)").count == 1)
    }

    @Test(arguments: [
        ("", "history: is empty"), ("\n\n", "history: is empty"),
        ("a,b\n1,2", "history:1: no column for customer_id"),
        (
            "InvoiceNo,Invoice,StockCode,Quantity,InvoiceDate,UnitPrice,CustomerID\n",
            "history:1: 2 columns for invoice_no"
        ),
    ])
    func saysWhatIsWrongWithTheWhole(content: String, message: String) {
        #expect(error(content)?.hasPrefix(message) == true, "\(error(content) ?? "no error")")
    }

    @Test(arguments: [
        ("1,A,d,1,2010-13-45,1,5,UK", "history:3: field \"invoice_date\": must be a time"),
        ("1,A,d,x,2010-12-01,1,5,UK", "history:3: field \"quantity\": must be a number, found \"x\""),
        ("1,A,d,1,2010-12-01,,5,UK", "history:3: field \"unit_price\": missing"),
        ("1,A,d,1,2010-12-01,1,5", "history:3: row has 7 fields where the header has 8"),
        ("1,A,\"d,1,2010-12-01,1,5,UK", "history:3: the file ends inside a quoted field"),
        ("1,A,d\"e,1,2010-12-01,1,5,UK", "history:3: CSV: quote inside an unquoted field"),
        ("1,A,\"d\"e,1,2010-12-01,1,5,UK", "history:3: CSV: text after a closing quote"),
    ])
    func namesLineFieldAndReason(row: String, message: String) {
        let content = "\(header)\n1,A,d,1,2010-12-01,1,5,UK\n\(row)"
        #expect(error(content)?.hasPrefix(message) == true, "\(error(content) ?? "no error")")
    }

    @Test func readsNDJSONAndNamesTheBadLine() throws {
        let good = String(decoding: SampleEvent().json, as: UTF8.self)
        #expect(try read("\(good)\n\(good)\r\n\n\(good)").count == 3)
        #expect(error("\(good)\n{\"customer_id\":}")?.hasPrefix("history:2: not JSON") == true)
        #expect(error("\(good)\n{}")?.hasPrefix("history:2: field \"customer_id\": missing") == true)
    }

    @Test func refusesWhatIsNotUTF8() throws {
        let latin = Array("\(header)\n1,A,d,1,2010-12-01,1,5,R".utf8) + [0xE9] + Array("union\n".utf8)
        let reader = try HistoryReader(path: directory.file("latin.csv", latin))
        #expect(throws: HistoryError.self) { try reader.next() }
    }

    @Test func meansTheSameEventInCSVAsInTheMessageMadeOfIt() throws {
        let rows = [
            " 536365 , 85123A ,\"a, b\", 6 , 2010-12-01 08:26:00 , 2.55 , 17850.0 ,United Kingdom",
            "C1,X.0,,-1,2010-12-01 08:26,1e-3,  ,", "5.0,5,5,5.0,2011-01-01,5,é,é",
        ]
        let path = try directory.file("h.csv", "\(header)\n" + rows.joined(separator: "\n"))
        let (reader, messages) = (try HistoryReader(path: path), try HistoryReader(path: path))
        let decoder = EventDecoder()
        var count = 0
        while let direct = try reader.next() {
            let sent = try decoder.event(in: try #require(try messages.nextMessage()))
            for hash in [
                \CustomerEvent.customerHash, \.invoiceHash, \.stockCodeHash, \.descriptionHash, \.countryHash,
            ] {
                #expect(sent[keyPath: hash] == direct[keyPath: hash], "row \(count)")
            }
            #expect(sent.quantity == direct.quantity && sent.unitPrice == direct.unitPrice && sent.time == direct.time)
            #expect(sent.isAnonymous == direct.isAnonymous && sent.isAnonymous == (count == 1))
            count += 1
        }
        #expect(count == 3)
    }

    @Test func refusesARecordWithoutEnd() {
        let long = "\(header)\n1,\"" + String(repeating: "x", count: 3 << 20)
        #expect(error(long)?.contains("is a quote not closed?") == true)
    }

    @Test func refusesAMissingFileAndADirectory() {
        #expect(throws: HistoryError(path: "/nowhere/h.csv", reason: "cannot be opened: No such file or directory")) {
            try HistoryReader(path: "/nowhere/h.csv")
        }
        #expect(throws: HistoryError.self) { try HistoryReader(path: directory.path) }
    }

    @Test(arguments: [HistoryReader.Format.csv, .ndjson], ["plain", "packed.gz"])
    func readsBackWhatTheWriterWrites(format: HistoryReader.Format, name: String) throws {
        let path = "\(directory.path)/\(name)"
        let writer = try HistoryWriter(path: path, format: format)
        let shop = ShopGenerator(customers: 50, days: 60, seed: 5)
        let encoder = EventEncoder()
        var written: [[UInt8]] = []
        while let fields = shop.nextFields() {
            try writer.write(fields)
            written.append([])
            encoder.append(fields, to: &written[written.count - 1])
        }
        #expect(!FileManager.default.fileExists(atPath: path), "a file has its name only when it is whole")
        try writer.close()
        let reader = try HistoryReader(path: path)
        #expect(reader.format == format)
        var row = 0
        while let message = try reader.nextMessage() {
            #expect(message.elementsEqual(written[row]), "\(String(decoding: message, as: UTF8.self))")
            row += 1
        }
        #expect(row == written.count)
    }

    @Test func noticesEveryTruncationOfGzip() throws {
        let path = "\(directory.path)/whole.gz"
        let writer = try HistoryWriter(path: path, format: .csv)
        let shop = ShopGenerator(customers: 20, days: 30, seed: 5)
        while let fields = shop.nextFields() { try writer.write(fields) }
        try writer.close()
        let whole = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        for count in stride(from: 3, to: whole.count, by: 7) {
            let cut = try directory.file("cut.gz", Array(whole[..<count]))
            #expect(throws: HistoryError.self, "cut at \(count)") {
                let reader = try HistoryReader(path: cut)
                while try reader.next() != nil {}
            }
        }
        // Members one after the other are one file.
        let twice = try directory.file("twice.gz", whole + whole)
        let reader = try HistoryReader(path: twice)
        #expect(throws: HistoryError.self) { while try reader.next() != nil {} }  // the second header is no event
    }

    @Test(.enabled(if: RealHistory.path != nil, Comment(rawValue: RealHistory.skipped)))
    func readsTheRealHistory() throws {
        let reader = try HistoryReader(path: RealHistory.path!)
        var (rows, negative, free, undescribed) = (0, 0, 0, 0)
        var (customers, invoices, products, countries) = (Set<UInt64>(), Set<UInt64>(), Set<UInt64>(), Set<UInt64>())
        while let event = try reader.next() {
            rows += 1
            if event.quantity < 0 { negative += 1 }
            if event.unitPrice <= 0 { free += 1 }
            if event.descriptionHash == 0 { undescribed += 1 }
            if !event.isAnonymous { customers.insert(event.customerHash) }
            invoices.insert(event.invoiceHash)
            products.insert(event.stockCodeHash)
            countries.insert(event.countryHash)
        }
        #expect(rows == 541_909)
        #expect(customers.count == 4372)
        #expect(invoices.count == 25_900)
        #expect(products.count == 4070)
        #expect(countries.count == 38)
        #expect(negative == 10_624 && free == 2517 && undescribed == 1454)
    }
}

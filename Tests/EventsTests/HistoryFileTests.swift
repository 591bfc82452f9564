import Foundation
import TestSupport
import Testing

@testable import Events

/// Files as people have them: containers, encodings, separators.
@Suite struct HistoryFileTests {
    let directory: TemporaryDirectory
    static let header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    static let csv = "\(header)\n536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850,UK\n"
    static let json = String(decoding: SampleEvent().json, as: UTF8.self)
    static let zstandard =
        "KLUv/SSKxQMAMsgbGWB5AzCOigFryKEWgW7ZGBHRQg7UXaKSYAmAU3FLo4As5RC5+5jxMDqALUQoNOzIkykJWRhGiAilwXISk5DAt/3tPGGl2Wrmz3UJV2o36O2tuL6l8Pf2r9VFfN2+ZjfKVYXr5QlG/Sf2p1Lr3m0CAQBhmSoDdBHoug=="

    init() throws { directory = try TemporaryDirectory() }

    /// The customers in a file, or why it is refused.
    func read(_ bytes: [UInt8], as name: String = "history", _ change: (inout EventFormat) -> Void = { _ in }) throws
        -> [String]
    {
        let path = try directory.file(name, bytes)
        var format = EventFormat()
        change(&format)
        do {
            let reader = try HistoryReader(path: path, format: format)
            var found: [String] = []
            while let event = try reader.next() {
                found.append(
                    "\(String(decoding: event.customerID, as: UTF8.self)) \(event.amount) \(event.descriptionHash)")
            }
            return found
        } catch {
            return ["\(error)".replacing(path, with: name)]
        }
    }

    func row(_ description: String = "HEART") -> String { "17850 153000 \(contentHash(of: description))" }

    @Test(arguments: [
        ([0x50, 0x4B, 3, 4], "Online Retail.xlsx", "is an Excel workbook: export its sheet as CSV"),
        ([0x50, 0x4B, 3, 4], "data.zip", "is a ZIP archive: unpack it first, as with: unzip -p"),
        (Array("PAR1".utf8), "data.parquet", "is Parquet: convert it first, as with: python3 -c"),
        (Array("BZh91AY".utf8), "data.csv.bz2", "is bzip2: convert it first, as with: bzip2 -dc"),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], "data.csv.xz", "is xz: convert it first, as with: xz -dc"),
        ([0xD0, 0xCF, 0x11, 0xE0, 0xA1], "old.xls", "is an old Excel workbook"),
        (Array("version https://git-lfs.github.com/spec/v1\noid sha256:00\n".utf8), "lfs.csv", "git lfs pull"),
        (Array("<!DOCTYPE html><html>".utf8), "login.csv", "is a web page"),
        (Array("\n <HTML>\n".utf8), "login.csv", "is a web page"),
        (Array("Obj\u{1}".utf8), "data.avro", "is an Avro container file"),
        (Array(csv.replacing("\n", with: "\r").utf8), "mac.csv", "tr '\\r' '\\n'"),
        ([0x49, 0, 0x6E, 0, 0x76, 0], "utf16.csv", "looks like UTF-16 without its mark"),
        ([1, 2, 0, 0, 5], "data", "is binary"),
    ])
    func saysWhatAFileIsThatIsNoHistory(bytes: [UInt8], name: String, reason: String) throws {
        let found = try read(bytes, as: name)
        #expect(found.count == 1 && found[0].hasPrefix("\(name): ") && found[0].contains(reason), "\(found)")
    }

    @Test(arguments: [";", "\t", "|"]) func findsTheSeparator(separator: String) throws {
        let text = Self.csv.replacing(",", with: separator).replacing("HEART", with: "\"A\(separator) B\"")
        #expect(try read(Array(text.utf8)) == [row("A\(separator) B")])
    }

    @Test func aDecimalCommaMustBeTold() throws {
        let text = Array(Self.csv.replacing(",", with: ";").replacing("2.55", with: "2,55").utf8)
        #expect(
            try read(text)[0].contains(
                "history:2: field \"unit_price\": must be a number, found \"2,55\": set events.decimal_separator"))
        #expect(try read(text) { $0.decimalSeparator = "," } == [row()])
    }

    @Test func readsUTF16() throws {
        let text = Self.csv.replacing("HEART", with: "CŒUR \u{1F600}")
        for isBigEndian in [false, true] {
            let units = [0xFEFF] + Array(text.utf16)
            let bytes = units.flatMap { unit in
                isBigEndian ? [UInt8(unit >> 8), UInt8(unit & 0xFF)] : [UInt8(unit & 0xFF), UInt8(unit >> 8)]
            }
            #expect(try read(bytes) == [row("CŒUR \u{1F600}")])
            #expect(try read(bytes.dropLast())[0].contains("ends inside a character"))
        }
    }

    @Test func readsWindows1252WhereItIsTold() throws {
        let text = Self.csv.split(separator: "HEART")
        let bytes = Array(text[0].utf8) + [0x43, 0x8C, 0x55, 0x52, 0x20, 0xE9, 0x80] + Array(text[1].utf8)
        #expect(try read(bytes)[0].contains("set events.encoding to windows-1252"))
        #expect(try read(bytes) { $0.encoding = .windows1252 } == [row("CŒUR é€")])
    }

    @Test func readsZstandardAndNoticesEveryTruncation() throws {
        let packed = Array(try #require(Data(base64Encoded: Self.zstandard)))
        #expect(try read(packed) == [row()])
        // Frames that follow one another are one file. The second header is no event.
        #expect(try read(packed + packed)[0].hasPrefix("history:3: field \"quantity\": must be a number"))
        for count in 5..<packed.count {
            let found = try read(Array(packed[..<count]))
            #expect(found[0].contains("Zstandard data end too early"), "cut at \(count): \(found)")
        }
    }

    @Test(arguments: ["[\(json)]", "[\n\(json),\n\(json)\n]\n", "  [ ]"])
    func readsJSONThatIsNotOneObjectALine(text: String) throws {
        #expect(try read(Array(text.utf8)).count == text.components(separatedBy: "customer_id").count - 1)
    }

    @Test func readsPrintedJSON() throws {
        let text = Self.json.replacing(",", with: ",\n  ").replacing("HEART", with: "A } \\\" {")
        #expect(try read(Array("\(text)\n\(text)\n".utf8)).count == 2)
        let broken = text.replacing("\"quantity\":6", with: "\"quantity\":[]")
        #expect(try read(Array("\(text)\n\(broken)\n".utf8)).last?.contains("field \"quantity\"") == true)
        #expect(try read(Array("\(text)\n\(text.dropLast())".utf8))[0].contains("ends inside an object"))
        #expect(try read(Array("\(text)\nnonsense".utf8))[0].contains("not JSON: expected an object"))
    }

    @Test func nothingHappensAfterTheFileWasWritten() throws {
        let text = Self.csv.replacing("2010-12-01", with: "2106-02-07")
        #expect(
            try read(Array(text.utf8))[0].contains(
                "field \"invoice_date\": is 2106-02-07T08:26:00Z, which is later than"))
        let json = Self.json.replacing("2010-12-01", with: "2106-02-07")
        #expect(try read(Array(json.utf8))[0].contains("which is later than"))
        #expect(try read(Array(text.utf8)) { $0.maxAhead = EventTime.latest } == [row()])
    }

    @Test func oneColumnMayServeTwoFields() throws {
        let text = "id,at,who,n,price\n1,2010-12-01,17850,6,2.55\n"
        let found = try read(Array(text.utf8)) {
            $0.fields[.customerID] = "who"
            $0.fields[.invoiceNo] = "id"
            $0.fields[.stockCode] = "id"
            $0.fields[.invoiceDate] = "at"
            $0.fields[.quantity] = "n"
            $0.fields[.unitPrice] = "price"
        }
        #expect(found == ["17850 153000 0"])
    }

    @Test func anIndexWithoutANameIsNamed() throws {
        let text = Self.csv.replacing("536365,", with: "0,536365,")
        #expect(try read(Array(text.utf8))[0].contains("does the header lack a name for the index column?"))
        #expect(try read(Array((",\(text)").utf8)) == [row()])
    }

    /// What was opened is closed, also where opening ends with an error.
    @Test func filesThatCannotBeReadAreClosed() throws {
        let directory = try TemporaryDirectory()
        let damaged = try directory.file(
            "damaged.csv.gz", [0x1F, 0x8B, 0x08, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF])
        let headless = try directory.file("headless.csv", "a,b\n1,2\n")
        func open() throws -> Int { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count }
        let before = try open()
        for _ in 0..<300 {
            #expect(throws: HistoryError.self) { try HistoryReader(path: damaged) }
            #expect(throws: HistoryError.self) { try HistoryReader(path: headless) }
        }
        // Other tests open files meanwhile.
        #expect(try open() < before + 200)
    }
}

/// The fields of a customer event, by their canonical names.
public enum EventField: Int, CaseIterable, Sendable {
    case customerID, invoiceNo, stockCode, description, quantity, invoiceDate, unitPrice, country

    /// The canonical name: the key in a JSON message and the column in a CSV history, unless configured otherwise.
    public var name: String {
        switch self {
        case .customerID: "customer_id"
        case .invoiceNo: "invoice_no"
        case .stockCode: "stock_code"
        case .description: "description"
        case .quantity: "quantity"
        case .invoiceDate: "invoice_date"
        case .unitPrice: "unit_price"
        case .country: "country"
        }
    }

    /// Column names that published versions of the UCI Online Retail data use for this field.
    var uciNames: [String] {
        switch self {
        case .customerID: ["CustomerID", "Customer ID"]
        case .invoiceNo: ["InvoiceNo", "Invoice"]
        case .stockCode: ["StockCode"]
        case .description: ["Description"]
        case .quantity: ["Quantity"]
        case .invoiceDate: ["InvoiceDate"]
        case .unitPrice: ["UnitPrice", "Price"]
        case .country: ["Country"]
        }
    }

    /// Whether an event without this field cannot be understood.
    public var isNeeded: Bool { self != .description && self != .country }
}

/// The names that a shop's messages use for the fields of an event.
public struct FieldNames: Sendable, Equatable {
    private var names: [String]

    /// The canonical names.
    public init() { names = EventField.allCases.map(\.name) }

    public subscript(_ field: EventField) -> String {
        get { names[field.rawValue] }
        set { names[field.rawValue] = newValue }
    }

    /// The name that two fields share, if any: such a configuration cannot be read.
    public var duplicate: String? {
        names.first { name in names.count { $0 == name } > 1 }
    }
}

/// The fields of a customer event, by their canonical names.
public enum EventField: Int, CaseIterable, Sendable {
    case customerID, invoiceNo, stockCode, description, quantity, invoiceDate, unitPrice, country

    /// The canonical name: the key in a JSON message and the column in a CSV history, unless configured otherwise.
    package var name: String {
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

    /// The column names of this field in the published versions of the UCI Online Retail data.
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

    /// Whether an event must have this field.
    package var isNeeded: Bool { self != .description && self != .country }
}

/// The names that a shop's messages use for the fields of an event.
public struct FieldNames: Sendable, Equatable {
    private var names: [String]

    /// The canonical names.
    package init() { names = EventField.allCases.map(\.name) }

    /// The name of a field.
    package subscript(_ field: EventField) -> String {
        get { names[field.rawValue] }
        set { names[field.rawValue] = newValue }
    }

    /// A name that two fields share; `nil` if all differ, as they must.
    package var duplicate: String? {
        names.first { name in names.count { $0 == name } > 1 }
    }
}

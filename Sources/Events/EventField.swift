/// The fields of a customer event, by their canonical names.
public enum EventField: Int, CaseIterable, Sendable {
    case customerID, invoiceNo, stockCode, description, quantity, invoiceDate, unitPrice, country
    /// Only where the shop names them.
    case lineTotal, eventID, status

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
        case .lineTotal: "line_total"
        case .eventID: "event_id"
        case .status: "status"
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
        case .lineTotal, .eventID, .status: []
        }
    }

    /// Whether the field is read under its canonical name, without being configured.
    package var isStandard: Bool { rawValue < EventField.lineTotal.rawValue }
}

/// Where a shop's messages have the fields of an event: paths (see `FieldPath`), or the columns of a file. Empty for a field
/// that they do not have.
public struct FieldNames: Sendable, Equatable {
    private var names: [String]

    /// The canonical names of the standard fields.
    package init() { names = EventField.allCases.map { $0.isStandard ? $0.name : "" } }

    /// The path of a field.
    package subscript(_ field: EventField) -> String {
        get { names[field.rawValue] }
        set { names[field.rawValue] = newValue }
    }

    /// The same names, those that are not empty changed.
    package func mapped(_ change: (String) -> String) -> FieldNames {
        var mapped = self
        mapped.names = names.map { $0.isEmpty ? "" : change($0) }
        return mapped
    }

    /// A path that two fields share; `nil` if all differ.
    package var duplicate: String? {
        names.first { name in !name.isEmpty && names.count { $0 == name } > 1 }
    }
}

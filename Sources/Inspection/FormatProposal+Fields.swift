import Events

extension FormatProposal {
    /// Where a field stands, by name and by what its values can be.
    private struct Choice {
        let column: ValueColumns.Column
        let score: Int
    }

    /// Fields in the order in which they choose.
    private static let order: [EventField] = [
        .customerID, .invoiceDate, .quantity, .unitPrice, .lineTotal, .invoiceNo, .stockCode, .description, .country,
        .status, .eventID,
    ]
    /// A name that scores less is a guess that is rather wrong than right.
    private static let fewest = 20
    private static let ofTheLine: Set<EventField> = [.stockCode, .description, .quantity, .unitPrice, .lineTotal]

    private static let identifiers: Set<EventField> = [.customerID, .invoiceNo, .stockCode, .eventID]

    mutating func findFields() {
        let columns = ValueColumns(messages, in: format)
        guard columns.messages > 0 else { return }
        var used: Set<String> = []
        let notations = NotationTrials(messages: messages, isTable: isTable)
        for field in Self.order {
            let configured = format.fields[field]
            if !configured.isEmpty, let column = columns.column(at: configured),
                columns.share(column) >= 0.5 || !format.needs(field)
            {
                used.insert(configured)
                continue
            }
            // A line's total is of use only without the price of a piece.
            if field == .lineTotal, columns.column(at: format.fields[.unitPrice]) != nil { continue }
            guard let choice = choice(of: field, columns, used, notations) else {
                update { $0.fields[field] = "" }
                continue
            }
            let path = columns.path(to: choice.column)
            used.insert(path)
            update { $0.fields[field] = path }
        }
        settleAmounts()
        settleMissing()
        findNotations(notations)
        noteUnused(columns, used)
    }

    private func choice(
        of field: EventField, _ columns: ValueColumns, _ used: Set<String>, _ notations: NotationTrials
    ) -> Choice? {
        let fewest = field == .eventID ? 50 : Self.fewest
        let choices = columns.columns.compactMap { column -> Choice? in
            var score = FieldVocabulary.score(column.path, as: field)
            let isKey = columns.keyed > 0 && column.keys * 10 > columns.keyed * 8
            if field == .customerID, isKey { score += 50 }
            if format.lines != nil, column.isInLine == Self.ofTheLine.contains(field) { score += 5 }
            // An order's identifier may be called id alone, beside its lines.
            if field == .invoiceNo, column.path == "id", !column.isInLine, format.lines != nil { score += 20 }
            // An identifier that is always the same identifies nothing.
            if Self.identifiers.contains(field), column.count >= 20, column.texts.count == 1 { return nil }
            guard score >= fewest, column.count > 0, !used.contains(columns.path(to: column)) else { return nil }
            return Choice(column: column, score: score)
        }
        return choices.sorted { $0.score > $1.score }.first { choice in
            notations.allow(columns.path(to: choice.column), as: field, in: format)
        }
    }

    /// Price of a piece or total of a line, whichever there is.
    private mutating func settleAmounts() {
        guard format.fields[.unitPrice].isEmpty, format.fields[.lineTotal].isEmpty else { return }
        // Something must be named; the report says that it is not there.
        update { $0.fields[.unitPrice] = FieldNames()[.unitPrice] }
        remark(
            "no value looks like the price of a piece or like what a line comes to: set fields.unit_price or fields.line_total"
        )
    }

    private mutating func settleMissing() {
        if format.fields[.invoiceNo].isEmpty {
            if format.missingInvoice == .refuse { update { $0.missingInvoice = .day } }
            remark("no value looks like an invoice or order: all that a customer buys in a day is taken for one")
        }
        if format.fields[.stockCode].isEmpty {
            update { $0.allowsMissingProduct = true }
            remark("no value looks like a product: what is learned of products is lost")
        }
        for (field, what) in [
            (EventField.customerID, "a customer"), (.quantity, "a quantity"), (.invoiceDate, "the time of the event"),
        ] where format.fields[field].isEmpty {
            update { $0.fields[field] = FieldNames()[field] }
            remark("no value looks like \(what): set fields.\(field.name)")
        }
    }

    private mutating func noteUnused(_ columns: ValueColumns, _ used: Set<String>) {
        let left = columns.columns.filter { $0.count > 0 && !used.contains(columns.path(to: $0)) }
        setUnused(left.map { (columns.path(to: $0), $0.first) })
    }
}

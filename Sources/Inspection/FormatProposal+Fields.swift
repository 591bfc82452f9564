import Events

extension FormatProposal {
    /// Where a field stands, by name and by what its values can be.
    private struct Choice {
        let column: ValueColumns.Column
        let score: Int
        /// Among the others, in the order of the message.
        let place: Int

        var example: Substring { column.first.prefix(40) }
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
            let isReplaced = field == .lineTotal && columns.column(at: format.fields[.unitPrice]) != nil
            guard !isReplaced, let path = path(of: field, columns, used, notations) else {
                update { $0.fields[field] = "" }
                continue
            }
            used.insert(path)
            update { $0.fields[field] = path }
        }
        settleAmounts()
        settleMissing()
        findNotations(notations)
        noteUnused(columns, used)
        if columns.isCut { remark("all fields were found: some messages have more values than were looked at") }
    }

    /// Where a field stands; `nil` where nothing looks like it.
    private mutating func path(
        of field: EventField, _ columns: ValueColumns, _ used: Set<String>, _ notations: NotationTrials
    ) -> String? {
        let choices = choices(of: field, columns, used)
        guard let best = choices.first else { return nil }
        let first = columns.path(to: best.column)
        for choice in choices where choice.score * 2 > best.score {
            let path = columns.path(to: choice.column)
            guard notations.allow(path, as: field, in: format) else { continue }
            if path != first {
                remark(
                    "\(path) is the \(field.name): \(first) looks more like it, but cannot be read, as \(best.example)")
            }
            if field == .invoiceDate { remarkOtherTimes(choices, path, columns, notations) }
            return path
        }
        remark("\(first) is not the \(field.name): it looks like it, but cannot be read, as \(best.example)")
        return nil
    }

    private mutating func remarkOtherTimes(
        _ choices: [Choice], _ path: String, _ columns: ValueColumns, _ notations: NotationTrials
    ) {
        let others = choices.map { columns.path(to: $0.column) }.filter { $0 != path }
        guard let other = others.first(where: { notations.allow($0, as: .invoiceDate, in: format) }) else { return }
        remark("\(path) is when it was bought: \(other) holds times too")
    }

    /// Columns whose names look like a field's, the likeliest first.
    private mutating func choices(of field: EventField, _ columns: ValueColumns, _ used: Set<String>) -> [Choice] {
        let fewest = field == .eventID ? 50 : Self.fewest
        var (constant, ofOrder): (ValueColumns.Column?, ValueColumns.Column?)
        var choices: [Choice] = []
        for column in columns.columns {
            var score = FieldVocabulary.score(column.path, as: field)
            let isKey = columns.keyed > 0 && column.keys * 10 > columns.keyed * 8
            if field == .customerID, isKey { score += 50 }
            // An order's identifier may be called id alone, beside its lines.
            if field == .invoiceNo, column.path == "id", !column.isInLine, format.lines != nil { score += 20 }
            guard score >= fewest, column.count > 0, !used.contains(columns.path(to: column)) else { continue }
            if Self.identifiers.contains(field), column.count >= 20, column.texts.count == 1 {
                // An identifier that is always the same identifies nothing.
                constant = column
            } else if format.lines != nil, Self.ofTheLine.contains(field), !column.isInLine {
                // An order's total or number of pieces is not each line's.
                ofOrder = column
            } else {
                if format.lines != nil, column.isInLine == Self.ofTheLine.contains(field) { score += 5 }
                choices.append(Choice(column: column, score: score, place: choices.count))
            }
        }
        if choices.isEmpty, let constant {
            remark("\(constant.path) is not the \(field.name): it is \(constant.first.prefix(40)) in every message")
        } else if choices.isEmpty, let ofOrder, field != .description {
            remark("\(ofOrder.path), which belongs to the order and not to its lines, is not the \(field.name) of each")
        }
        // Of equally likely ones the shorter path, then the earlier.
        return choices.sorted { a, b in
            (-a.score, a.column.path.count, a.place) < (-b.score, b.column.path.count, b.place)
        }
    }

    /// Price of a piece or total of a line, whichever there is.
    private mutating func settleAmounts() {
        guard format.fields[.unitPrice].isEmpty, format.fields[.lineTotal].isEmpty else { return }
        // Something must be named; the report says that it is not there.
        update { $0.fields[.unitPrice] = FieldNames()[.unitPrice] }
        remark(
            "fields.unit_price or fields.line_total is set: no value looks like the price of a piece or what a line comes to"
        )
    }

    private mutating func settleMissing() {
        if format.fields[.invoiceNo].isEmpty {
            if format.missingInvoice == .refuse { update { $0.missingInvoice = .day } }
            remark(
                "there are no invoices or orders (names such as order_id were looked for): all that a customer buys in a day is taken "
                    + "for one")
        }
        if format.fields[.stockCode].isEmpty {
            update { $0.allowsMissingProduct = true }
            remark(
                "there are no products (names such as sku or product_id were looked for): models learn nothing of them then"
            )
        }
        for (field, what) in [
            (EventField.customerID, "a customer"), (.quantity, "a quantity"), (.invoiceDate, "the time of the event"),
        ] where format.fields[field].isEmpty {
            update { $0.fields[field] = FieldNames()[field] }
            remark("fields.\(field.name) is set: no value looks like \(what)")
        }
    }

    private mutating func noteUnused(_ columns: ValueColumns, _ used: Set<String>) {
        let left = columns.columns.filter { $0.count > 0 && !used.contains(columns.path(to: $0)) }
        setUnused(left.map { (columns.path(to: $0), $0.first) })
    }
}

import Events

/// Messages that lie side by side in memory, as after a fetch.
struct Messages {
    private(set) var bytes: [UInt8] = []
    private(set) var ends: [Int] = []

    /// - Parameters:
    ///   - limit: The most messages.
    ///   - copies: How many copies of each event there are, each of another customer.
    init(history: String?, limit: Int = .max, copies: Int = 1) throws {
        let source: any EventSource =
            try history.map { try HistoryReader(path: $0, names: FieldNames()) }
            ?? ShopGenerator(customers: 5000, days: 365, seed: 1)
        let encoder = EventEncoder()
        while ends.count < limit, var fields = try source.nextFields() {
            let customer = Array(fields[.customerID].bytes)
            for copy in 0..<min(copies, limit - ends.count) {
                let name = copy == 0 || customer.isEmpty ? customer : customer + Array("-\(copy)".utf8)
                name.withUnsafeBytes { name in
                    fields[.customerID].bytes = name
                    encoder.append(fields, to: &bytes)
                }
                ends.append(bytes.count)
            }
        }
    }

    func each(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
        try bytes.withUnsafeBytes { bytes in
            var start = 0
            for end in ends {
                try body(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                start = end
            }
        }
    }

    /// Calls the body with batches of messages.
    func batches(of size: Int, _ body: ([UnsafeRawBufferPointer]) throws -> Void) rethrows {
        var batch: [UnsafeRawBufferPointer] = []
        batch.reserveCapacity(size)
        try each { message in
            batch.append(message)
            guard batch.count == size else { return }
            try body(batch)
            batch.removeAll(keepingCapacity: true)
        }
        if !batch.isEmpty { try body(batch) }
    }
}

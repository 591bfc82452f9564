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
            try history.map { try HistoryReader(path: $0) } ?? ShopGenerator(customers: 5000, days: 365, seed: 1)
        let decoder = EventDecoder()
        while ends.count < limit, let message = try source.nextMessage() {
            let customer = try Array(decoder.event(in: message).customerID)
            for copy in 0..<min(copies, limit - ends.count) {
                append(message, of: customer, copy: copy)
                ends.append(bytes.count)
            }
        }
    }

    /// Appends a message, as of another customer for each copy but the first.
    private mutating func append(_ message: UnsafeRawBufferPointer, of customer: [UInt8], copy: Int) {
        let name = Array("\"customer_id\":\"".utf8) + customer
        guard copy > 0, !customer.isEmpty, let place = message.firstRange(of: name) else {
            return bytes.append(contentsOf: message)
        }
        bytes.append(contentsOf: message[..<place.upperBound])
        bytes.append(contentsOf: "-\(copy)".utf8)
        bytes.append(contentsOf: message[place.upperBound...])
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

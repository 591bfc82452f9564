import CJemalloc
import Customers
import Ensemble
import Events
import TestSupport
import Testing

@testable import Scoring

/// What the hot path allocates: nothing an event, once it is warm.
@Suite(.enabled(if: isCounting, "allocations cannot be counted here: a sanitizer has taken the allocator's place"))
struct AllocationTests {
    /// A shop's messages, a day of them over and over: later rounds bring nothing new to any customer.
    func messages() -> [[UInt8]] {
        let shop = ShopGenerator(customers: 300, days: 30, seed: 8)
        let encoder = EventEncoder()
        var messages: [[UInt8]] = []
        while messages.count < 4096, let fields = shop.nextFields() {
            var message: [UInt8] = []
            encoder.append(fields, to: &message)
            messages.append(message)
        }
        return messages
    }

    @Test(arguments: [0, 5, 91]) func scoringKnownCustomersAllocatesNothing(explainedFeatures: Int) throws {
        let artifact = try ModelArtifact(path: Checkout.models)
        let messages = messages()
        let decoder = EventDecoder()
        var scorer = try Scorer(artifact: artifact, explainedFeatures: explainedFeatures)
        var table = CustomerTable()
        var bytes = 0
        func round() throws {
            var first = 0
            while first < messages.count {
                for position in first..<min(first + 1024, messages.count) {
                    try messages[position].withUnsafeBytes { message in
                        let event = try decoder.event(in: message)
                        if !event.isAnonymous { scorer.add(event, tag: position, to: &table) }
                    }
                }
                scorer.score { bytes += $0.payload.count }
                first += 1024
            }
        }
        // Sizes settle: of the states, and of what a batch needs.
        for _ in 0..<3 { try round() }
        let before = allocatedBytes()
        for _ in 0..<5 { try round() }
        let allocated = allocatedBytes() - before
        #expect(bytes > 0)
        #expect(allocated < messages.count, "\(allocated) bytes in \(5 * messages.count) events")
    }

    @Test func aGrowingShopAllocatesLittle() throws {
        let artifact = try ModelArtifact(path: Checkout.models)
        let shop = ShopGenerator(customers: 500, days: 300, seed: 9)
        let encoder = EventEncoder()
        let decoder = EventDecoder()
        var scorer = Scorer(artifact: artifact)
        var table = CustomerTable()
        var message: [UInt8] = []
        var (events, allocated) = (0, 0)
        while events < 60_000, let fields = shop.nextFields() {
            message.removeAll(keepingCapacity: true)
            encoder.append(fields, to: &message)
            let before = allocatedBytes()
            try message.withUnsafeBytes { bytes in
                let event = try decoder.event(in: bytes)
                if !event.isAnonymous { scorer.add(event, tag: events, to: &table) }
            }
            events += 1
            if events % 512 == 0 { scorer.score { _ in } }
            if events > 20_000 { allocated += allocatedBytes() - before }
        }
        // New customers, and states that grow with what they remember.
        #expect(allocated < 200 * (events - 20_000), "\(allocated) bytes in \(events - 20_000) events")
    }
}

/// Bytes that this thread has ever been given by jemalloc.
private func allocatedBytes() -> Int {
    var bytes: UInt64 = 0
    var size = MemoryLayout<UInt64>.size
    return mallctl("thread.allocated", &bytes, &size, nil, 0) == 0 ? Int(bytes) : 0
}

/// Whether an allocation is noticed.
private var isCounting: Bool {
    let before = allocatedBytes()
    UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 8).deallocate()
    return allocatedBytes() > before
}

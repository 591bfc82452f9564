import Events
import TestSupport
import Testing

@testable import Customers

/// A customer without measure: every event at an instant of its own, of an invoice and a product of its own.
@Suite struct StateBoundsTests {
    let decoder = EventDecoder()

    func event(_ number: Int, every milliseconds: Int64) -> SampleEvent {
        SampleEvent(
            invoice: "\(number)", product: "P\(number)", description: "D\(number)", quantity: number % 9 == 0 ? -1 : 2,
            time: 1_300_000_000_000 + Int64(number) * milliseconds)
    }

    @Test func theStateOfACustomerOfHundredsOfThousandsOfEventsStaysBounded() throws {
        var largest = 0
        var state: CustomerState?
        for number in 0..<300_000 {
            try decoder.with(event(number, every: 1000)) {
                if state == nil { state = CustomerState(firstEvent: $0) }
                state?.update($0)
            }
            if number % 4096 == 0, let state {
                largest = max(largest, state.memoryBytes)
                let bound = CustomerState.bucketLimit + Int(CustomerState.eventsBetweenBounds)
                #expect(state.bucketCount <= bound)
            }
        }
        #expect(largest < 6 << 20, "\(largest)")
        // Nothing that is summed is lost: the events are all in the windows that they belong to, a little
        // beside their time.
        let totals = try #require(state).window(5)
        #expect(totals.events == 300_000)
        #expect(try #require(state).window(0).events == 300_000)
        #expect(try #require(state).lifetime.events == 300_000)
    }

    @Test func lateEventsDoNotGetPastTheBound() throws {
        var state: CustomerState?
        for number in 0..<60_000 {
            // Of each 8,192 the one at which the bound is looked at comes two years late.
            let isLate = number % 8192 == 8191
            var sample = event(number, every: 1000)
            if isLate { sample.time -= 2 * 365 * 86_400_000 }
            try decoder.with(sample) {
                if state == nil { state = CustomerState(firstEvent: $0) }
                state?.update($0)
            }
        }
        let bound = CustomerState.bucketLimit + Int(CustomerState.eventsBetweenBounds)
        #expect(try #require(state).bucketCount <= bound)
    }

    @Test func anInvoiceThatWasForgottenCountsAnewAlsoAfterItWasReadBack() throws {
        var straight: CustomerState?
        var broken: CustomerState?
        // All at one instant, so that the older half of the keys is all of them, the invoice's own too.
        for number in 0..<60_000 {
            var sample = event(number, every: 0)
            sample.invoice = "one"
            try decoder.with(sample) {
                if straight == nil {
                    straight = CustomerState(firstEvent: $0)
                    broken = straight
                }
                straight?.update($0)
                broken?.update($0)
            }
            // Where the bound has just been looked at.
            if number % 8192 == 8191, let state = broken {
                broken = try StateCodecTests.decoded(StateCodecTests.encoded(state))
            }
        }
        let (one, other) = (try #require(straight), try #require(broken))
        #expect(one.difference(from: other) == nil)
        #expect(one.window(5).invoices > 1)
    }

    @Test func aBoundedStateReadBackGoesOnAlike() throws {
        var random = SplitMix64(seed: 31)
        var straight: CustomerState?
        var broken: CustomerState?
        for number in 0..<120_000 {
            // Some late, and so many days in all that windows give back while instants are made coarser.
            let late = random.next() % 50 == 0 ? Int(random.next() % 20_000) : 0
            try decoder.with(event(max(0, number - late), every: 200_000)) {
                if straight == nil {
                    straight = CustomerState(firstEvent: $0)
                    broken = straight
                }
                straight?.update($0)
                broken?.update($0)
            }
            if number % 7001 == 7000, let state = broken {
                broken = try StateCodecTests.decoded(StateCodecTests.encoded(state))
            }
            if number % 8192 < 3, let straight, let broken, let found = straight.difference(from: broken) {
                Issue.record("after \(number) events: \(found)")
                return
            }
        }
        #expect(try #require(straight).bucketCount < 40_000)
    }
}

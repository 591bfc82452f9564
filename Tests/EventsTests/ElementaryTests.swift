import Events
import Foundation
import Testing

@Suite struct ElementaryTests {
    @Test func exponentialAndLogarithmAgreeWithTheCLibrary() {
        var random = SplitMix64(seed: 9)
        for _ in 0..<200_000 {
            let x = (random.uniform() - 0.5) * 1400
            let exponential = Elementary.exp(x)
            #expect(abs(exponential - Foundation.exp(x)) <= 2 * Foundation.exp(x).ulp, "exp(\(x))")
            let y = Foundation.exp((random.uniform() - 0.5) * 1400)
            #expect(abs(Elementary.log(y) - Foundation.log(y)) <= 2 * Foundation.log(y).ulp, "log(\(y))")
        }
    }

    @Test func holdsAtTheEdges() {
        #expect(Elementary.exp(0) == 1)
        #expect(Elementary.exp(-1000) == 0)
        #expect(Elementary.exp(1000) == .infinity)
        #expect(Elementary.exp(.nan).isNaN)
        #expect(Elementary.exp(-740) > 0)
        #expect(Elementary.log(1) == 0)
        #expect(Elementary.log(0) == -.infinity)
        #expect(Elementary.log(-1).isNaN)
        #expect(Elementary.sigmoid(0) == 0.5)
        #expect(Elementary.sigmoid(-800) >= 0 && Elementary.sigmoid(800) == 1)
    }
}

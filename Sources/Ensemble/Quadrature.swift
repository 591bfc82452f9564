/// Gauss–Legendre quadrature on 0...1: n points integrate polynomials of degree 2n − 1 exactly.
struct Quadrature {
    /// Ascending, all inside 0...1.
    let points: [Double]
    /// One a point; they sum to 1.
    let weights: [Double]

    /// Finds the roots of the Legendre polynomial by Newton's method, each from a cosine close to it (Abramowitz and Stegun,
    /// 22.16.6). Uses IEEE additions, multiplications and divisions only, so that the bits are the same on every machine.
    /// - Complexity: O(count²).
    init(count: Int) {
        precondition(count > 0)
        var points = [Double](repeating: 0, count: count)
        var weights = points
        for index in 0..<(count + 1) / 2 {
            var x = Self.cosine(.pi * (Double(index) + 0.75) / (Double(count) + 0.5))
            var slope = 0.0
            for _ in 0..<10 {
                let (value, derivative) = Self.legendre(count, x)
                slope = derivative
                x -= value / derivative
            }
            // The middle root of an odd number is exactly 0, which Newton's method may miss.
            if 2 * index + 1 == count {
                x = 0
                slope = Self.legendre(count, 0).derivative
            }
            (points[index], points[count - 1 - index]) = ((1 - x) / 2, (1 + x) / 2)
            weights[index] = 1 / ((1 - x * x) * slope * slope)
            weights[count - 1 - index] = weights[index]
        }
        self.points = points
        self.weights = weights
    }

    private static func legendre(_ degree: Int, _ x: Double) -> (value: Double, derivative: Double) {
        var (before, value) = (0.0, 1.0)
        for k in 1...degree {
            let next = (Double(2 * k - 1) * x * value - Double(k - 1) * before) / Double(k)
            (before, value) = (value, next)
        }
        return (value, Double(degree) * (x * value - before) / (x * x - 1))
    }

    /// A cosine by its power series, precise enough to start Newton's method.
    private static func cosine(_ x: Double) -> Double {
        var (sum, term) = (1.0, 1.0)
        for k in 1...20 {
            term *= -x * x / Double((2 * k - 1) * 2 * k)
            sum += term
        }
        return sum
    }
}

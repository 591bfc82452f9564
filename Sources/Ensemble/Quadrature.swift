/// Gauss–Legendre quadrature on 0...1: exact for polynomials of degree 2n − 1 at n points, all of them inside.
struct Quadrature {
    let points: [Double]
    let weights: [Double]

    /// The roots of the Legendre polynomial by Newton's method, from a cosine near each (Abramowitz and Stegun, 22.16.6).
    /// IEEE additions, multiplications and divisions only: the same bits everywhere.
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
            // The middle point of an odd number is zero, and Newton's steps need not end there.
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

    /// By its power series; to begin from only.
    private static func cosine(_ x: Double) -> Double {
        var (sum, term) = (1.0, 1.0)
        for k in 1...20 {
            term *= -x * x / Double((2 * k - 1) * 2 * k)
            sum += term
        }
        return sum
    }
}

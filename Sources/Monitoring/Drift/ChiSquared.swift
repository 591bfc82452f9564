import Foundation

/// The χ² distribution's upper tail.
enum ChiSquared {
    /// The value that is exceeded with this probability, found by bisection.
    /// - Precondition: 0 < probability < 1, degrees ≥ 1.
    static func quantile(exceededWith probability: Double, degrees: Int) -> Double {
        precondition(probability > 0 && probability < 1 && degrees >= 1)
        var (low, high) = (0.0, 10.0)
        while tail(high, degrees: degrees) > probability { high *= 2 }
        for _ in 0..<100 {
            let middle = (low + high) / 2
            if tail(middle, degrees: degrees) > probability { low = middle } else { high = middle }
        }
        return high
    }

    /// Probability of more than `x`: the regularised incomplete gamma function Q(degrees / 2, x / 2), by its series and its
    /// continued fraction (Abramowitz and Stegun, 6.5.29 and 6.5.31).
    static func tail(_ x: Double, degrees: Int) -> Double {
        let (a, z) = (Double(degrees) / 2, x / 2)
        if z <= 0 { return 1 }
        let scale = exp(a * log(z) - z - lgamma(a))
        if z < a + 1 {
            var (term, sum, n) = (1 / a, 1 / a, a)
            while abs(term) > abs(sum) * 1e-15 {
                n += 1
                term *= z / n
                sum += term
            }
            return max(0, 1 - sum * scale)
        }
        // Lentz's method.
        var b = z + 1 - a
        var c = 1e300
        var d = 1 / b
        var fraction = d
        for i in 1..<1000 {
            let an = -Double(i) * (Double(i) - a)
            b += 2
            d = 1 / (an * d + b)
            c = b + an / c
            let delta = c * d
            fraction *= delta
            if abs(delta - 1) < 1e-15 { break }
        }
        return scale * fraction
    }
}

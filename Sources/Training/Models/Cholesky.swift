/// Solves symmetric positive-definite systems by Cholesky decomposition.
enum Cholesky {
    /// Solves A x = b.
    /// - Parameter a: row-major, `b.count` rows; only its lower triangle is read.
    /// - Complexity: O(n³).
    static func solve(_ a: [Double], _ b: [Double]) -> [Double] {
        let n = b.count
        var l = a
        for i in 0..<n {
            for j in 0...i {
                var sum = l[i * n + j]
                for k in 0..<j { sum -= l[i * n + k] * l[j * n + k] }
                // The bound keeps a direction without curvature from dividing by 0.
                l[i * n + j] = i == j ? max(sum, 1e-12).squareRoot() : sum / l[j * n + j]
            }
        }
        var x = b
        for i in 0..<n {
            for k in 0..<i { x[i] -= l[i * n + k] * x[k] }
            x[i] /= l[i * n + i]
        }
        for i in stride(from: n - 1, through: 0, by: -1) {
            for k in (i + 1)..<max(n, i + 1) { x[i] -= l[k * n + i] * x[k] }
            x[i] /= l[i * n + i]
        }
        return x
    }
}

import Ensemble
import Events
import Features

/// Fits logistic regressions by Newton's method (iteratively reweighted least squares) with a ridge penalty.
enum LogisticTrainer {
    /// Features whose distribution is skewed over orders of magnitude: counts, amounts and times.
    static func isLogarithmic(_ feature: Feature) -> Bool {
        switch feature {
        case .repeatLineRatio, .spendRatio30d90d, .spendRatio90d180d, .freqRatio30d90d, .freqRatio90d180d, .returnRate,
            .country, .avgDayOfWeek, .stdDayOfWeek, .avgMonth, .stdMonth, .weekendRatio, .purchaseProbability,
            .gapHazard, .gapVariation, .invoicesPerPurchaseDay:
            false
        default: true
        }
    }

    /// Fits the base model on all features, transformed and standardised over these rows. A feature with missing values gets
    /// an indicator column beside it.
    /// - Parameters:
    ///   - labels, weights: one a row.
    ///   - ridge: penalty on each squared weight, relative to the rows' total weight.
    ///   - withheld: features whose weights stay 0.
    /// - Complexity: O(rows × features²) a Newton step, a dozen steps.
    static func fit(
        _ matrix: FeatureMatrix, of schema: FeatureSchema, labels: [Bool], weights: [Float], ridge: Double,
        withheld: [Feature] = []
    ) -> LogisticModel {
        var terms = scales(matrix, schema, weights)
        let isOffered = Feature.allCases.map { !withheld.contains($0) }
        let missingColumns = terms.indices.filter { column in
            isOffered[column]
                && (0..<matrix.rowCount).contains { matrix.values[$0 * FeatureSchema.count + column].isNaN }
        }
        let width = terms.count + missingColumns.count
        var design = [Double](repeating: 0, count: matrix.rowCount * width)
        for row in 0..<matrix.rowCount {
            let values = matrix[row]
            for (column, term) in terms.enumerated() where isOffered[column] {
                design[row * width + column] = term.standardised(values[values.startIndex + column]) ?? 0
            }
            for (offset, column) in missingColumns.enumerated() where values[values.startIndex + column].isNaN {
                design[row * width + terms.count + offset] = 1
            }
        }
        let solution = newton(
            design, width: width, labels: labels, weights: weights.map(Double.init), ridge: ridge,
            prior: [Double](repeating: 0, count: width))
        for column in terms.indices { terms[column].weight = solution[column + 1] }
        for (offset, column) in missingColumns.enumerated() {
            terms[column].missingWeight = solution[1 + terms.count + offset]
        }
        setExpectations(&terms, matrix, weights)
        return LogisticModel(intercept: solution[0], terms: terms)
    }

    /// Sets each term's mean contribution, from which explanations measure.
    private static func setExpectations(
        _ terms: inout [LogisticModel.Term], _ matrix: FeatureMatrix, _ weights: [Float]
    ) {
        let total = weights.reduce(0.0) { $0 + Double($1) }
        for (column, term) in terms.enumerated() {
            var sum = 0.0
            for row in 0..<matrix.rowCount {
                sum += Double(weights[row]) * term.logOdds(matrix.values[row * FeatureSchema.count + column])
            }
            terms[column].expectedLogOdds = total > 0 ? sum / total : 0
        }
    }

    /// The terms with mean and scale of each transformed feature, and weights of 0.
    private static func scales(
        _ matrix: FeatureMatrix, _ schema: FeatureSchema, _ weights: [Float]
    ) -> [LogisticModel.Term] {
        Feature.allCases.map { feature in
            var term = LogisticModel.Term(
                feature: schema.name(of: feature), isLogarithmic: isLogarithmic(feature), mean: 0, scale: 1, weight: 0,
                missingWeight: 0)
            var (total, sum, squares) = (0.0, 0.0, 0.0)
            for row in 0..<matrix.rowCount {
                let raw = matrix.values[row * FeatureSchema.count + feature.rawValue]
                if raw.isNaN { continue }
                let value = term.transformed(Double(raw))
                let weight = Double(weights[row])
                total += weight
                sum += weight * value
                squares += weight * value * value
            }
            if total > 0 {
                term.mean = sum / total
                let variance = squares / total - term.mean * term.mean
                // A constant feature has no scale: 1 avoids a division by 0.
                term.scale = variance > 1e-12 ? variance.squareRoot() : 1
            }
            return term
        }
    }

    /// Minimises Σ weight · log loss + ridge/2 · total weight · Σ (β − prior)², the intercept left free.
    ///
    /// Newton's method with step halving (Nocedal and Wright, "Numerical Optimization", 2006, section 3.4).
    /// - Parameters:
    ///   - design: row-major, `width` columns.
    ///   - free: number of leading columns without a penalty.
    ///   - prior: the values that the penalty draws the weights to, one a column.
    ///   - offsets: added to each row's log-odds; none if empty.
    /// - Returns: intercept, then one weight a column.
    /// - Complexity: O(rows × width²) a step, at most 25 steps.
    static func newton(
        _ design: [Double], width: Int, labels: [Bool], weights: [Double], ridge: Double, free: Int = 0,
        prior: [Double], offsets: [Double] = []
    ) -> [Double] {
        let size = width + 1
        let total = weights.reduce(0, +)
        let penalty = ridge * total
        var beta = [0.0] + prior
        let positive = zip(weights, labels).reduce(0) { $0 + ($1.1 ? $1.0 : 0) }
        beta[0] = Elementary.logit(min(max(positive / total, 1e-6), 1 - 1e-6))

        func margin(_ beta: [Double], _ row: Int) -> Double {
            var sum = offsets.isEmpty ? beta[0] : beta[0] + offsets[row]
            let start = row * width
            for column in 0..<width { sum += beta[column + 1] * design[start + column] }
            return sum
        }
        func objective(_ beta: [Double]) -> Double {
            var loss = 0.0
            for row in labels.indices {
                let m = labels[row] ? margin(beta, row) : -margin(beta, row)
                // ln(1 + e^−m), from the side that cannot overflow.
                loss +=
                    weights[row]
                    * (m > 0 ? Elementary.log1p(Elementary.exp(-m)) : Elementary.log1p(Elementary.exp(m)) - m)
            }
            for column in free..<width {
                loss += penalty / 2 * (beta[column + 1] - prior[column]) * (beta[column + 1] - prior[column])
            }
            return loss
        }

        var value = objective(beta)
        for _ in 0..<25 {
            var gradient = [Double](repeating: 0, count: size)
            var hessian = [Double](repeating: 0, count: size * size)
            accumulate(design, width, labels, weights, &gradient, &hessian) { margin(beta, $0) }
            for column in free..<width {
                gradient[column + 1] += penalty * (beta[column + 1] - prior[column])
                hessian[(column + 1) * size + column + 1] += penalty
            }
            let step = Cholesky.solve(hessian, gradient)
            var fraction = 1.0
            var next = beta
            var nextValue = value
            repeat {
                for index in 0..<size { next[index] = beta[index] - fraction * step[index] }
                nextValue = objective(next)
                fraction /= 2
            } while nextValue > value && fraction > 1e-6
            let gain = value - nextValue
            if gain > 0 { (beta, value) = (next, nextValue) }
            if gain < 1e-9 * total { break }
        }
        return beta
    }

    /// Adds up the gradient and the lower triangle of the Hessian of the weighted log loss.
    private static func accumulate(
        _ design: [Double], _ width: Int, _ labels: [Bool], _ weights: [Double], _ gradient: inout [Double],
        _ hessian: inout [Double], margin: (Int) -> Double
    ) {
        let size = width + 1
        design.withUnsafeBufferPointer { design in
            hessian.withUnsafeMutableBufferPointer { hessian in
                for row in labels.indices {
                    let p = Elementary.sigmoid(margin(row))
                    let residual = weights[row] * (p - (labels[row] ? 1 : 0))
                    let curvature = weights[row] * p * (1 - p)
                    let x = design.baseAddress.unsafelyUnwrapped + row * width
                    gradient[0] += residual
                    hessian[0] += curvature
                    for i in 0..<width {
                        let scaled = curvature * x[i]
                        gradient[i + 1] += residual * x[i]
                        if scaled == 0 { continue }
                        // The lower triangle: row i + 1, columns 0 to i + 1.
                        let line = hessian.baseAddress.unsafelyUnwrapped + (i + 1) * size
                        line[0] += scaled
                        for j in 0...i { line[j + 1] += scaled * x[j] }
                    }
                }
            }
        }
    }
}

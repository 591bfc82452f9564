/// Exponential and logarithm computed with IEEE 754 additions, multiplications and divisions only.
///
/// The C library's results differ in the last bit between versions and processors. With these functions a feature or
/// probability has the same bytes on every machine. Method and coefficients after fdlibm (Sun Microsystems, 1993; e_exp.c, e_log.c): the
/// error is below one unit in the last place.
public enum Elementary {
    private static let ln2High = 6.93147180369123816490e-01
    private static let ln2Low = 1.90821492927058770002e-10
    /// One and a half times 2^52.
    private static let roundingShift = 6_755_399_441_055_744.0

    /// e^x; 0 below −745, infinity above 709.78, NaN for NaN.
    public static func exp(_ x: Double) -> Double {
        if x.isNaN { return x }
        if x > 709.782712893383973096 { return .infinity }
        if x < -745.13321910194110842 { return 0 }
        // Adding this rounds to the nearest whole number, ties to even, whatever the processor has an instruction for.
        let k = (x * 1.44269504088896338700 + roundingShift) - roundingShift
        let high = x - k * ln2High
        let low = k * ln2Low
        let r = high - low
        let t = r * r
        let c =
            r - t
            * (1.66666666666666019037e-01 + t
                * (-2.77777777770155933842e-03 + t
                    * (6.61375632143793436117e-05 + t
                        * (-1.65339022054652515390e-06 + t * 4.13813679705723846039e-08))))
        let y = 1 - ((low - (r * c) / (2 - c)) - high)
        return scaled(y, by: Int(k))
    }

    /// Natural logarithm; −infinity for 0, NaN below 0.
    public static func log(_ x: Double) -> Double {
        if x.isNaN || x < 0 { return .nan }
        if x == 0 { return -.infinity }
        if x == .infinity { return x }
        var exponent = Int(x.bitPattern >> 52) - 1023
        var f = Double(bitPattern: x.bitPattern & 0x000F_FFFF_FFFF_FFFF | 0x3FF0_0000_0000_0000)
        if exponent == -1023 {
            // Subnormal.
            exponent = Int(x.exponent)
            f = x.significand
        }
        if f > 1.41421356237309514547 {
            f /= 2
            exponent += 1
        }
        f -= 1
        let k = Double(exponent)
        let s = f / (2 + f)
        let z = s * s
        let w = z * z
        let even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
        let odd =
            z
            * (6.666666666666735130e-01 + w
                * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)))
        let half = 0.5 * f * f
        return k * ln2High - ((half - (s * (half + even + odd) + k * ln2Low)) - f)
    }

    /// ln(1 + x) for x ≥ 0, to absolute (not relative) accuracy: enough for a feature transform.
    public static func log1p(_ x: Double) -> Double { log(1 + x) }

    /// 1 / (1 + e^−x): a probability from log-odds.
    public static func sigmoid(_ x: Double) -> Double {
        // The side on which the exponential is small keeps all digits.
        if x >= 0 { return 1 / (1 + exp(-x)) }
        let e = exp(x)
        return e / (1 + e)
    }

    /// ln(p / (1 − p)): log-odds of a probability strictly between 0 and 1.
    package static func logit(_ p: Double) -> Double { log(p / (1 - p)) }

    private static func scaled(_ y: Double, by k: Int) -> Double {
        if k >= -1021 && k <= 1023 { return y * powerOfTwo(k) }
        // Two exact steps at the ends of the range.
        let first = k > 0 ? 1023 : -1000
        return y * powerOfTwo(first) * powerOfTwo(k - first)
    }

    /// 2^k for k from −1022 to 1023.
    private static func powerOfTwo(_ k: Int) -> Double { Double(bitPattern: UInt64(k &+ 1023) &<< 52) }
}

/// How far an explanation's base value and contributions may add up from the score's log-odds: scores add leaf values in
/// 32-bit floats, contributions in 64 bits.
package let explanationResidual = 1e-4

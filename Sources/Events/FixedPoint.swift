/// Decimal numbers as scaled integers, parsed and written without binary floating point.
///
/// Amounts are integers because sums of money must be exact when an amount is subtracted again.
public enum FixedPoint {
    /// Decimal places of money: every price and amount in the program is in ten-thousandths of the currency.
    package static let moneyDigits = 4
    /// How many units of money make one unit of currency.
    public static let moneyScale: Int64 = 10_000

    /// The integer nearest to the decimal number in `bytes` times 10^`digits`, half away from zero.
    ///
    /// Accepts the number grammar of RFC 8259 (sign, digits, fraction, exponent); a leading `+` or `.` is refused.
    /// - Returns: `nil` when `bytes` is no number or the result does not fit in 63 bits. `exact` is false when digits
    ///   were rounded away.
    package static func parse(_ bytes: UnsafeRawBufferPointer, digits: Int) -> (value: Int64, exact: Bool)? {
        parsePlain(bytes, digits: digits).map { ($0, true) } ?? parseAny(bytes, digits: digits)
    }

    /// The fast path of `parse` for most numbers: up to 14 digits, of which at most `digits` follow the point.
    /// - Returns: nil for any other number.
    @inline(__always)
    static func parsePlain(_ bytes: UnsafeRawBufferPointer, digits: Int) -> Int64? {
        let count = bytes.count
        var at = 0
        let isNegative = count > 0 && bytes[0] == UInt8(ascii: "-")
        if isNegative { at = 1 }
        guard count &- at >= 1, count &- at <= 16 else { return nil }
        // A leading zero stands alone before the point.
        if bytes[at] == 48, count &- at > 1, bytes[at &+ 1] != UInt8(ascii: ".") { return nil }
        let start = at
        var value: Int64 = 0
        while at < count, bytes[at] &- 48 < 10 {
            value = value &* 10 &+ Int64(bytes[at] &- 48)
            at &+= 1
        }
        guard at > start else { return nil }
        var missing = digits
        if at < count {
            guard bytes[at] == UInt8(ascii: "."), count &- at &- 1 <= digits, at &+ 1 < count else { return nil }
            missing = digits &- (count &- at &- 1)
            at &+= 1
            while at < count {
                guard bytes[at] &- 48 < 10 else { return nil }
                value = value &* 10 &+ Int64(bytes[at] &- 48)
                at &+= 1
            }
        }
        // 14 digits and 4 more fit.
        guard digits <= 4, value < 100_000_000_000_000 else { return nil }
        while missing > 0 {
            value &*= 10
            missing &-= 1
        }
        return isNegative ? 0 &- value : value
    }

    static func parseAny(_ bytes: UnsafeRawBufferPointer, digits: Int) -> (value: Int64, exact: Bool)? {
        var at = 0
        let count = bytes.count
        var negative = false
        if at < count, bytes[at] == UInt8(ascii: "-") {
            negative = true
            at += 1
        }
        var mantissa: UInt64 = 0
        var exponent = digits
        var dropped = false
        var seen = 0

        func take(_ byte: UInt8, fraction: Bool) {
            let digit = UInt64(byte &- 48)
            if mantissa < 100_000_000_000_000_000 {
                mantissa = mantissa * 10 + digit
                if fraction { exponent -= 1 }
            } else {
                if digit != 0 { dropped = true }
                if !fraction { exponent += 1 }
            }
            seen += 1
        }
        func isDigit(_ at: Int) -> Bool { at < count && bytes[at] &- 48 < 10 }

        let leadingZero = isDigit(at) && bytes[at] == 48
        while isDigit(at) {
            take(bytes[at], fraction: false)
            at += 1
        }
        if seen == 0 || (leadingZero && seen > 1) { return nil }
        if at < count, bytes[at] == UInt8(ascii: ".") {
            at += 1
            if !isDigit(at) { return nil }
            while isDigit(at) {
                take(bytes[at], fraction: true)
                at += 1
            }
        }
        if at < count, bytes[at] | 0x20 == UInt8(ascii: "e") {
            at += 1
            var sign = 1
            if at < count, bytes[at] == UInt8(ascii: "-") || bytes[at] == UInt8(ascii: "+") {
                if bytes[at] == UInt8(ascii: "-") { sign = -1 }
                at += 1
            }
            if !isDigit(at) { return nil }
            var power = 0
            while isDigit(at) {
                power = min(power * 10 + Int(bytes[at] &- 48), 100_000)
                at += 1
            }
            exponent += sign * power
        }
        if at != count { return nil }
        guard let scaled = scaled(mantissa, exponent: exponent), scaled.value <= UInt64(Int64.max) else { return nil }
        return (negative ? -Int64(scaled.value) : Int64(scaled.value), scaled.exact && !dropped)
    }

    /// The integer nearest to mantissa × 10^exponent, half up; `nil` if 64 bits cannot hold it.
    private static func scaled(_ mantissa: UInt64, exponent: Int) -> (value: UInt64, exact: Bool)? {
        if mantissa == 0 { return (0, true) }
        var (value, exponent, exact) = (mantissa, exponent, true)
        while exponent > 0 {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            if overflow { return nil }
            value = product
            exponent -= 1
        }
        var roundsUp = false
        while exponent < 0 {
            if value == 0 && !roundsUp { return (0, false) }
            // The digit cut off before is below this one: it makes the result inexact and does not decide the rounding.
            if roundsUp { exact = false }
            let digit = value % 10
            roundsUp = digit >= 5
            if digit != 0 { exact = false }
            value /= 10
            exponent += 1
        }
        return (value + (roundsUp ? 1 : 0), exact)
    }

    /// Appends `money` (ten-thousandths) as a decimal number with no more digits than it needs: `25500` → `2.55`.
    package static func appendMoney(_ money: Int64, to out: inout [UInt8]) {
        if money < 0 { out.append(UInt8(ascii: "-")) }
        let magnitude = money.magnitude
        appendInteger(Int64(magnitude / UInt64(moneyScale)), to: &out)
        var fraction = magnitude % UInt64(moneyScale)
        if fraction == 0 { return }
        out.append(UInt8(ascii: "."))
        var unit = UInt64(moneyScale) / 10
        while fraction > 0 {
            out.append(UInt8(48 + fraction / unit))
            fraction %= unit
            unit /= 10
        }
    }

    /// Appends an integer in decimal.
    package static func appendInteger(_ value: Int64, to out: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: longestInteger) { text in
            let start = text.baseAddress.unsafelyUnwrapped
            let count = writeInteger(value, to: start) - start
            out.append(contentsOf: text[..<count])
        }
    }

    /// The memory that `writeInteger` needs, in bytes.
    public static let longestInteger = 24

    /// Writes an integer in decimal into memory with room for `longestInteger` bytes.
    /// - Returns: the address behind the last byte.
    public static func writeInteger(_ value: Int64, to out: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8>
    {
        if value >= 0 { return write(value.magnitude, to: out) }
        out[0] = UInt8(ascii: "-")
        return write(value.magnitude, to: out + 1)
    }

    /// Writes eight digits at a time, and up to seven bytes behind the last digit.
    private static func write(_ value: UInt64, to out: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
        func put(_ text: UInt64, to out: UnsafeMutablePointer<UInt8>) {
            UnsafeMutableRawPointer(out).storeBytes(of: text.littleEndian, as: UInt64.self)
        }
        if value >= 100_000_000 {
            let at = write(value / 100_000_000, to: out)
            put(ShortestDecimal.digits8(UInt32(value % 100_000_000)), to: at)
            return at + 8
        }
        let text = ShortestDecimal.digits8(UInt32(value))
        // Leading zeros are dropped, but not the last digit.
        let zeros = min((text ^ 0x3030_3030_3030_3030).trailingZeroBitCount / 8, 7)
        put(text &>> UInt64(8 * zeros), to: out)
        return out + (8 - zeros)
    }
}

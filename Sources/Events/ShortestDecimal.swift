/// The shortest decimal that reads back as the same 64-bit value, and the nearest one of those: the text of
/// `Double.description`, written into memory instead of a new `String`.
///
/// After Raffaello Giulietti, "The Schubfach way to render doubles" (2020), for magnitudes in 1e-20 ..< 1e15, which
/// probabilities and log-odds have. The powers of ten needed there are integers that 128 bits hold exactly. Other values
/// are written by the standard library.
public enum ShortestDecimal {
    /// The memory that `write` needs, in bytes.
    public static let longest = 32

    /// 10^e for e in 0...38, shifted up to 128 bits.
    private static let powers: InlineArray<39, UInt128> = InlineArray { index in
        var power: UInt128 = 1
        for _ in 0..<index { power *= 10 }
        return power << UInt128(power.leadingZeroBitCount)
    }

    /// Writes a value, in no more than `longest` bytes.
    /// - Returns: the address behind the last byte.
    public static func write(_ value: Double, to out: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
        guard value >= 0.0001, value < 1 else {
            if value < 0 {
                out[0] = UInt8(ascii: "-")
                return write(-value, to: out + 1)
            }
            if value >= 1e-20, value < 1e15 {
                let (digits, exponent) = decimal(value)
                return writeWide(digits, exponent, to: out)
            }
            var text = value.description
            return text.withUTF8 { bytes in
                out.update(from: bytes.baseAddress.unsafelyUnwrapped, count: bytes.count)
                return out + bytes.count
            }
        }
        let (digits, exponent) = decimal(value)
        return write(digits, exponent, to: out)
    }

    /// value = digits × 10^exponent.
    @inline(__always)
    private static func decimal(_ value: Double) -> (digits: UInt64, exponent: Int) {
        let bits = value.bitPattern
        let fraction = bits & 0x000F_FFFF_FFFF_FFFF
        let c = fraction | 0x0010_0000_0000_0000
        let q = Int(bits >> 52) &- 1075
        let isEven = c & 1 == 0
        let isLowerCloser = fraction == 0
        let cb = c &<< 2
        let cbl = cb &- (isLowerCloser ? 1 : 2)
        let cbr = cb &+ 2
        // floor(log10(2^q)), or of three quarters of that; floor(log2(10^−k)).
        let k = (q &* 1_262_611 &- (isLowerCloser ? 524_031 : 0)) >> 22
        let h = UInt64(truncatingIfNeeded: q &+ ((0 &- k) &* 1_741_647) >> 19 &+ 1)
        let power = powers[0 &- k]
        let vbl = roundedToOdd(power, cbl &<< h)
        let vb = roundedToOdd(power, cb &<< h)
        let vbr = roundedToOdd(power, cbr &<< h)
        let lower = vbl &+ (isEven ? 0 : 1)
        let upper = vbr &- (isEven ? 0 : 1)
        let s = vb &>> 2
        // One digit less, if exactly one such number rounds to the value.
        let tenth = s / 10
        let isBelowInside = lower <= 40 &* tenth
        let isAboveInside = 40 &* tenth &+ 40 <= upper
        if isBelowInside != isAboveInside { return (tenth &+ (isAboveInside ? 1 : 0), k &+ 1) }
        let isDownInside = lower <= 4 &* s
        let isUpInside = 4 &* s &+ 4 <= upper
        if isDownInside != isUpInside { return (s &+ (isUpInside ? 1 : 0), k) }
        let middle = 4 &* s &+ 2
        let isUp = vb > middle || (vb == middle && s & 1 == 1)
        return (s &+ (isUp ? 1 : 0), k)
    }

    /// The product's upper 64 bits, with the lowest one set if a bit below was.
    @inline(__always)
    private static func roundedToOdd(_ power: UInt128, _ factor: UInt64) -> UInt64 {
        let low = UInt64(truncatingIfNeeded: power).multipliedFullWidth(by: factor)
        let high = UInt64(truncatingIfNeeded: power &>> 64).multipliedFullWidth(by: factor)
        let (middle, carry) = high.low.addingReportingOverflow(low.high)
        let top = high.high &+ (carry ? 1 : 0)
        return top | (middle > 1 ? 1 : 0)
    }

    /// `0.` and the digits, trailing zeros left out.
    @inline(__always)
    private static func write(_ digits: UInt64, _ exponent: Int, to out: UnsafeMutablePointer<UInt8>)
        -> UnsafeMutablePointer<UInt8>
    {
        // Scaled to seventeen digits behind the leading zeros: the number is below 10^17.
        var scaled = digits
        var places = 0 &- exponent
        while places < 17 {
            scaled &*= 10
            places &+= 1
        }
        out[0] = UInt8(ascii: "0")
        out[1] = UInt8(ascii: ".")
        var at = out + 2
        // Then come places − 17 zeros before the seventeen digits.
        while places > 17 {
            at[0] = UInt8(ascii: "0")
            at += 1
            places &-= 1
        }
        let top = scaled / 100_000_000
        let first = UInt32(truncatingIfNeeded: top / 100_000_000)
        at[0] = UInt8(truncatingIfNeeded: 48 &+ first)
        write8(UInt32(truncatingIfNeeded: top % 100_000_000), to: at + 1)
        write8(UInt32(truncatingIfNeeded: scaled % 100_000_000), to: at + 9)
        var end = at + 17
        while end[-1] == UInt8(ascii: "0") { end -= 1 }
        return end
    }

    /// Writes a number of at least 1 with its point among the digits, and one below 0.0001 with an exponent.
    private static func writeWide(_ digits: UInt64, _ exponent: Int, to out: UnsafeMutablePointer<UInt8>)
        -> UnsafeMutablePointer<UInt8>
    {
        // Seventeen digits, of which the first is not 0, and the position of the point among them.
        var (scaled, point) = (digits, exponent &+ 17)
        while scaled < 10_000_000_000_000_000 {
            scaled &*= 10
            point &-= 1
        }
        let text = out + 1
        let top = scaled / 100_000_000
        text[0] = UInt8(truncatingIfNeeded: 48 &+ top / 100_000_000)
        write8(UInt32(truncatingIfNeeded: top % 100_000_000), to: text + 1)
        write8(UInt32(truncatingIfNeeded: scaled % 100_000_000), to: text + 9)
        var count = 17
        while count > 1, text[count - 1] == UInt8(ascii: "0") { count -= 1 }
        // The digits before the point move down by one byte to make room for it.
        let whole = max(point, 1)
        for index in 0..<whole { out[index] = text[index] }
        out[whole] = UInt8(ascii: ".")
        var end = out + 1 + max(count, whole)
        guard point < 1 else {
            if count <= whole {
                end[0] = UInt8(ascii: "0")
                end += 1
            }
            return end
        }
        if count == 1 { end = out + 1 }
        let size = 1 &- point
        end[0] = UInt8(ascii: "e")
        end[1] = UInt8(ascii: "-")
        end[2] = UInt8(truncatingIfNeeded: 48 &+ size / 10)
        end[3] = UInt8(truncatingIfNeeded: 48 &+ size % 10)
        return end + 4
    }

    @inline(__always)
    private static func write8(_ value: UInt32, to out: UnsafeMutablePointer<UInt8>) {
        UnsafeMutableRawPointer(out).storeBytes(of: digits8(value).littleEndian, as: UInt64.self)
    }

    /// Eight digits as eight bytes of text, the highest first, divided by 10,000, 100 and 10 side by side in one word.
    @inline(__always)
    static func digits8(_ value: UInt32) -> UInt64 {
        let high = UInt64(value / 10_000)
        let low = UInt64(value % 10_000)
        let halves = high | low &<< 32
        let hundreds = ((halves &* 10_486) &>> 20) & 0x0000_007F_0000_007F
        let quarters = hundreds | (halves &- 100 &* hundreds) &<< 16
        let tens = ((quarters &* 103) &>> 10) & 0x000F_000F_000F_000F
        return (tens | (quarters &- 10 &* tens) &<< 8) | 0x3030_3030_3030_3030
    }
}

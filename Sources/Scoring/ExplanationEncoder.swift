import Ensemble
import Events
import Features

/// Writes the explanation in a prediction's payload: the features with the largest contributions to the served model's
/// log-odds, the largest first.
///
///     ,"explanation":{"model":"blending","base_log_odds":-0.5,"contributions":[
///         {"feature":"recency_days","value":12.5,"log_odds":0.31}, ...]}
struct ExplanationEncoder: Sendable {
    private let count: Int
    private let memory: Fragment.Memory
    private let opening: Fragment
    /// By feature.
    private let featureKeys: [Fragment]
    private let logOddsKey: Fragment
    /// The memory that `write` needs for an explanation, in bytes.
    let room: Int

    /// - Parameter count: features in an explanation.
    init(_ explainer: Explainer, of schema: FeatureSchema, count: Int) {
        precondition((1...FeatureSchema.count).contains(count))
        let memory = Fragment.Memory()
        self.count = count
        self.memory = memory
        // The first brace closes the members. The payload's ending begins with the brace that closes the explanation.
        opening = Fragment(
            Array(
                "},\"explanation\":{\"model\":\"\(explainer.servingModel.rawValue)\",\"base_log_odds\":".utf8)
                + Self.number(explainer.baseLogOdds()) + Array(",\"contributions\":[".utf8), memory)
        featureKeys = schema.names.map { name in
            var key = Array("{\"feature\":".utf8)
            JSONText.appendString(name, to: &key)
            return Fragment(key + Array(",\"value\":".utf8), memory)
        }
        logOddsKey = Fragment(Array(",\"log_odds\":".utf8), memory)
        room = memory.room + count * (2 * ShortestDecimal.longest + Fragment.room(logOddsKey.count) + 2)
    }

    private static func number(_ value: Double) -> [UInt8] {
        Array(unsafeUninitializedCapacity: ShortestDecimal.longest) { buffer, count in
            let start = buffer.baseAddress.unsafelyUnwrapped
            count = ShortestDecimal.write(value, to: start) - start
        }
    }

    /// Writes the explanation of one row.
    /// - Returns: the address behind the last byte, the list's closing bracket.
    func write(
        _ row: UnsafePointer<Float>, _ contributions: UnsafePointer<Double>, to out: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        var at = opening.write(to: out)
        withUnsafeTemporaryAllocation(of: Int.self, capacity: count) { top in
            let found = Explanation.top(contributions, into: top)
            for feature in top[..<found] {
                at = featureKeys[feature].write(to: at)
                at = Self.write(row[feature], to: at)
                at = logOddsKey.write(to: at)
                at = ShortestDecimal.write(contributions[feature], to: at)
                at[0] = UInt8(ascii: "}")
                at[1] = UInt8(ascii: ",")
                at += 2
            }
        }
        at[-1] = UInt8(ascii: "]")
        return at
    }

    /// The shortest digits that read back as the same 32-bit number; `null` for a missing one.
    private static func write(_ value: Float, to out: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
        // A text this short is stored within the `String` value, without an allocation.
        var text = value.isFinite ? value.description : "null"
        return text.withUTF8 { bytes in
            out.update(from: bytes.baseAddress.unsafelyUnwrapped, count: bytes.count)
            return out + bytes.count
        }
    }
}

/// The notation of a type of value in a configuration.
struct Notation<Value> {
    /// What to write, as it reads after "takes".
    let expected: String
    /// `nil` when the text is not a value of the type, or out of range.
    let parse: (String) -> Value?
    let write: (Value) -> String
}

extension Notation where Value == String {
    static var text: Self { Notation(expected: "text", parse: { $0 }, write: { $0 }) }
}

extension Notation where Value == Bool {
    static var flag: Self {
        Notation(expected: "true or false", parse: { Bool($0) }, write: { "\($0)" })
    }
}

extension Notation where Value == Int {
    static func integer(in range: ClosedRange<Int>) -> Self {
        let limits =
            switch (range.lowerBound, range.upperBound) {
            case (.min, .max): ""
            case (let lowest, .max): ", at least \(lowest)"
            case (.min, let highest): ", at most \(highest)"
            case (let lowest, let highest): " from \(lowest) to \(highest)"
            }
        return Notation(
            expected: "an integer" + limits,
            parse: { text in Int(text).flatMap { range.contains($0) ? $0 : nil } },
            write: { "\($0)" })
    }

    /// Milliseconds, written as a whole number with its unit.
    static func duration(in range: ClosedRange<Int>) -> Self {
        let units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)]
        func write(_ milliseconds: Int) -> String {
            let unit = units.last { milliseconds.isMultiple(of: $0.1) && milliseconds >= $0.1 } ?? units[0]
            return "\(milliseconds / unit.1)\(unit.0)"
        }
        let lowest = write(range.lowerBound)
        let limits = range.upperBound == .max ? ", at least \(lowest)" : " from \(lowest) to \(write(range.upperBound))"
        return Notation(
            expected: "a duration with its unit (such as 250ms, 1s, 5m, 2h or 30d)" + limits,
            parse: { text in
                let digits = text.prefix { "0"..."9" ~= $0 }
                let suffix = text.dropFirst(digits.count)
                guard let count = Int(digits), let unit = units.first(where: { $0.0 == suffix }) else { return nil }
                let (milliseconds, overflow) = count.multipliedReportingOverflow(by: unit.1)
                return !overflow && range.contains(milliseconds) ? milliseconds : nil
            },
            write: write)
    }
}

extension Notation where Value == Double {
    static func number(in range: ClosedRange<Double>) -> Self {
        Notation(
            expected: "a number" + (range == .finite ? "" : " from \(range.lowerBound) to \(range.upperBound)"),
            // `Double` alone would also take "nan", "inf" and hexadecimal.
            parse: { text in
                guard text.allSatisfy("0123456789+-.eE".contains), let number = Double(text) else { return nil }
                return range.contains(number) ? number : nil
            },
            write: { "\($0)" })
    }
}

extension Notation where Value: CaseIterable & RawRepresentable, Value.RawValue == String {
    static var choice: Self {
        let names = Value.allCases.map(\.rawValue).joined(separator: ", ")
        return Notation(expected: "one of \(names)", parse: { Value(rawValue: $0) }, write: \.rawValue)
    }
}

extension ClosedRange<Double> {
    /// All numbers but the infinities.
    package static var finite: Self { -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude }
}

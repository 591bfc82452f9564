import ArgumentParser
import Customers
import Events
import Foundation
import Settings

/// The options by which every command is configured: a file, and settings over it.
public struct ConfigurationOptions: ParsableArguments {
    @Option(name: .long, help: "Configuration file (YAML).")
    public var config: String?

    @Option(
        name: .customLong("set"),
        help: "A setting over the file's and the environment's: key.path=value. May be repeated.")
    public var overrides: [String] = []

    public init() {}

    /// The same, as arguments of another command.
    public var arguments: [String] {
        (config.map { ["--config", $0] } ?? []) + overrides.flatMap { ["--set", $0] }
    }

    /// Whose settings: the environment variables' prefix. The worker's are replay's too; the trainer has its own, so
    /// that one environment can hold both.
    public enum Audience: String {
        case worker = "FUTURE_CART_WORKER"
        case trainer = "FUTURE_CART_TRAINER"
    }

    /// Opens the layers for reading: file, then environment, then --set.
    public func reader(for audience: Audience) throws(ConfigurationError) -> ConfigurationReader {
        ConfigurationReader(
            try ConfigurationTree(
                file: config, environment: ProcessInfo.processInfo.environment, prefix: audience.rawValue,
                overrides: overrides))
    }
}

extension ConfigurationReader {
    /// `state.time_to_live`: how long a customer's state outlives their last event, in days.
    public func timeToLiveDays(default days: Int) -> Int {
        self.days("state.time_to_live", default: days, in: Windows.longestDays...36_500)
    }

    /// A duration that is a whole number of days.
    public func days(_ key: String, default days: Int, in range: ClosedRange<Int>) -> Int {
        let day = Int(EventTime.millisecondsPerDay)
        let milliseconds = duration(
            key, default: days * day, in: (range.lowerBound * day)...(range.upperBound * day))
        if milliseconds % day != 0 { refuse(key, "must be a whole number of days, such as \(days)d") }
        return milliseconds / day
    }
}

extension FieldNames {
    /// The `fields:` section: what the shop calls each field.
    public init(_ reader: ConfigurationReader) {
        self.init()
        for field in EventField.allCases {
            self[field] = reader.string(field.name, default: field.name)
            if self[field].isEmpty { reader.refuse(field.name, "must name a field") }
        }
        if let name = duplicate, let field = EventField.allCases.last(where: { self[$0] == name }) {
            reader.refuse(field.name, "two fields are called '\(name)'; give each its own")
        }
    }
}

import ArgumentParser
import Customers
import Events
import Foundation
import Settings

/// The options by which every command is configured: a file, and settings over it.
package struct ConfigurationOptions: ParsableArguments {
    @Option(name: .long, help: "Configuration file (YAML).")
    package var config: String?

    @Option(
        name: .customLong("set"),
        help: "A setting over the file's and the environment's: key.path=value. May be repeated.")
    package var overrides: [String] = []

    package init() {}

    /// The same, as arguments of another command.
    package var arguments: [String] {
        (config.map { ["--config", $0] } ?? []) + overrides.flatMap { ["--set", $0] }
    }

    /// Whose settings: the environment variables' prefix. The worker's are replay's too; the trainer has its own, so
    /// that one environment can hold both.
    package enum Audience: String {
        case worker = "FUTURE_CART_WORKER"
        case trainer = "FUTURE_CART_TRAINER"
    }

    /// Opens the layers for reading: file, then environment, then --set.
    package func reader(for audience: Audience) throws(ConfigurationError) -> ConfigurationReader {
        ConfigurationReader(
            try ConfigurationTree(
                file: config, environment: ProcessInfo.processInfo.environment, prefix: audience.rawValue,
                overrides: overrides))
    }
}

extension ConfigurationReader {
    /// `state.time_to_live`: how long a customer's state outlives their last event, in days.
    package func timeToLiveDays(default days: Int) -> Int {
        self.days("state.time_to_live", default: days, in: Windows.longestDays...36_500)
    }

    /// A duration that is a whole number of days.
    package func days(_ key: String, default days: Int, in range: ClosedRange<Int>) -> Int {
        let day = Int(EventTime.millisecondsPerDay)
        let milliseconds = duration(
            key, default: days * day, in: (range.lowerBound * day)...(range.upperBound * day))
        if milliseconds % day != 0 { refuse(key, "must be a whole number of days, such as \(days)d") }
        return milliseconds / day
    }
}

extension FieldNames {
    /// The `fields:` section: what the shop calls each field.
    package init(_ reader: ConfigurationReader) {
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

import ArgumentParser
import Customers
import Events
import Foundation
import Settings

/// The options that configure every command: files, and single settings that override them.
package struct ConfigurationOptions: ParsableArguments {
    /// Paths of the configuration files.
    @Option(
        name: .long,
        help: "Configuration file (YAML). May be repeated: of a setting in several files the last one holds.")
    package var config: [String] = []

    /// Settings that override file and environment, each as `key.path=value`.
    @Option(
        name: .customLong("set"),
        help: "A setting over the file's and the environment's: key.path=value. May be repeated.")
    package var overrides: [String] = []

    /// For the argument parser.
    package init() {}

    /// The same options as command-line arguments, to start another command with.
    package var arguments: [String] {
        config.flatMap { ["--config", $0] } + overrides.flatMap { ["--set", $0] }
    }

    /// Whose settings are read, as the prefix of their environment variables. `replay` reads the worker's settings; the
    /// trainer has its own prefix, so that one environment can hold both.
    package enum Audience: String {
        /// `scoring-worker` and `replay`.
        case worker = "FUTURE_CART_WORKER"
        /// `trainer`.
        case trainer = "FUTURE_CART_TRAINER"
    }

    /// Opens the configuration for reading: the files, overridden by the environment, overridden by `--set`.
    ///
    /// - Throws: `ConfigurationError` if a file cannot be read or an override is malformed.
    package func reader(for audience: Audience) throws(ConfigurationError) -> ConfigurationReader {
        ConfigurationReader(
            try ConfigurationTree(
                files: config, environment: ProcessInfo.processInfo.environment, prefix: audience.rawValue,
                overrides: overrides))
    }
}

extension ConfigurationReader {
    /// Reads `state.time_to_live`: how long a customer's state is kept after their last event, in days.
    package func timeToLiveDays(default days: Int) -> Int {
        self.days("state.time_to_live", default: days, in: Windows.longestDays...36_500)
    }

    /// Reads a duration that must be a whole number of days; anything else is reported through the reader.
    package func days(_ key: String, default days: Int, in range: ClosedRange<Int>) -> Int {
        let day = Int(EventTime.millisecondsPerDay)
        let milliseconds = duration(
            key, default: days * day, in: (range.lowerBound * day)...(range.upperBound * day))
        if milliseconds % day != 0 { refuse(key, "must be a whole number of days, such as \(days)d") }
        return milliseconds / day
    }
}

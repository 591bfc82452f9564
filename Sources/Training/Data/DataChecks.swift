import Events
import Foundation
import Monitoring

/// History that cannot be trained on as it is.
package struct DataError: Error, Equatable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// What a check of the data found.
package struct Finding: Equatable, Sendable {
    package enum Severity: String, Sendable {
        case pass, warning, error
    }

    package let severity: Severity
    /// The check's name, as in the configuration.
    package let check: String
    /// What was found, where, and what is allowed.
    package let text: String
}

/// Limits for a history. A figure beyond its limit is an error and stops the job; beyond half of it, a warning.
package struct DataChecks: Equatable, Sendable {
    package var minEvents = 1000
    /// Shares of all events.
    package var maxAnonymousShare = 0.6
    package var maxDuplicateShare = 0.1
    package var maxLateShare = 0.2
    package var maxUnpricedShare = 0.2
    package var maxCancellationShare = 0.3
    package var maxSkippedShare = 0.01
    /// Days in a row without an event.
    package var maxGapDays = 30
    /// Events of the last week over those of the median week.
    package var minLastWeek = 0.2
    /// Against the history that the model in service learned from: how much of its events may be gone, by how much a
    /// share may have moved, and the population stability index of quantities and prices.
    package var maxShrinkage = 0.3
    package var maxShareChange = 0.2
    package var maxStabilityIndex = 0.5

    package init() {}

    /// All findings, in a fixed order.
    /// - Parameters:
    ///   - skipped: records of a topic that were no events.
    ///   - champion: the profile of the history that the model in service learned from.
    package func findings(_ profile: DataProfile, skipped: Int = 0, champion: DataProfile?) -> [Finding] {
        var findings = [
            events(profile),
            limited(
                "max_skipped_share", Double(skipped) / Double(max(profile.events + skipped, 1)), maxSkippedShare,
                "of the records are no events"),
            share("max_anonymous_share", profile, profile.anonymousEvents, maxAnonymousShare, "have no customer"),
            share(
                "max_duplicate_share", profile, profile.duplicates, maxDuplicateShare,
                "repeat another one in all fields"),
            share(
                "max_late_share", profile, profile.lateEvents, maxLateShare, "come after a later one of their customer"),
            share(
                "max_unpriced_share", profile, profile.unpricedLines, maxUnpricedShare, "have no price above nothing"),
            share("max_cancellation_share", profile, profile.cancellations, maxCancellationShare, "are cancellations"),
            gap(profile), lastWeek(profile),
        ]
        if let champion { findings += against(champion, profile) }
        return findings
    }

    private func events(_ profile: DataProfile) -> Finding {
        Finding(
            severity: profile.events < minEvents ? .error : .pass, check: "min_events",
            text: "\(profile.events) events of \(profile.customers) customers (at least \(minEvents))")
    }

    private func gap(_ profile: DataProfile) -> Finding {
        let gap = profile.longestGap
        let dates = gap.days == 0 ? "" : ", from \(Self.date(gap.from)) to \(Self.date(gap.from + gap.days - 1))"
        return Finding(
            severity: severity(Double(gap.days), Double(maxGapDays)), check: "max_gap_days",
            text: "\(gap.days) days in a row without an event\(dates) (at most \(maxGapDays))")
    }

    private func lastWeek(_ profile: DataProfile) -> Finding {
        let share = profile.lastWeekOverMedian
        let end = Self.date(profile.firstDay + max(profile.eventsByDay.count, 1) - 1)
        return Finding(
            severity: share < minLastWeek ? .error : share < 2 * minLastWeek ? .warning : .pass, check: "min_last_week",
            text: "the last week, up to \(end), has \(fixed(share, 2)) of a median week's events "
                + "(at least \(fixed(minLastWeek, 2)); less looks cut off)")
    }

    private func against(_ champion: DataProfile, _ profile: DataProfile) -> [Finding] {
        var findings = [
            limited(
                "max_shrinkage", max(0, 1 - Double(profile.events) / Double(max(champion.events, 1))), maxShrinkage,
                "fewer events than the model in service learned from (\(profile.events), \(champion.events) then)")
        ]
        for (name, part) in [
            ("anonymous events", \DataProfile.anonymousEvents), ("duplicates", \.duplicates),
            ("late events", \.lateEvents),
            ("lines without a price", \.unpricedLines), ("cancellations", \.cancellations),
            ("lines without a description", \.withoutDescription), ("lines without a country", \.withoutCountry),
        ] {
            let (now, then) = (profile.share(profile[keyPath: part]), champion.share(champion[keyPath: part]))
            findings.append(
                limited(
                    "max_share_change", abs(now - then), maxShareChange,
                    "is what the share of \(name) moved by (\(percent(then)) then, \(percent(now)) now)"))
        }
        for (name, histogram) in [("quantities", \DataProfile.quantities), ("prices", \.prices)] {
            let index = stabilityIndex(profile[keyPath: histogram], champion[keyPath: histogram])
            findings.append(
                Finding(
                    severity: severity(index, maxStabilityIndex), check: "max_stability_index",
                    text:
                        "\(name): population stability index \(fixed(index, 3)) against the model in service's history "
                        + "(at most \(fixed(maxStabilityIndex, 2)))"))
        }
        return findings
    }

    private func share(_ check: String, _ profile: DataProfile, _ part: Int, _ limit: Double, _ what: String) -> Finding
    {
        limited(check, profile.share(part), limit, "of the events \(what)")
    }

    private func limited(_ check: String, _ value: Double, _ limit: Double, _ what: String) -> Finding {
        Finding(
            severity: severity(value, limit), check: check,
            text: "\(percent(value)) \(what) (at most \(percent(limit)))")
    }

    private func severity(_ value: Double, _ limit: Double) -> Finding.Severity {
        value > limit ? .error : value > limit / 2 ? .warning : .pass
    }

    private func percent(_ value: Double) -> String { "\(fixed(value * 100, 1)) %" }

    private static func date(_ day: Int) -> String {
        String(EventTime.text(Int64(day) * EventTime.millisecondsPerDay).prefix(10))
    }
}

/// Population stability index of two histograms; infinite when their bins differ.
func stabilityIndex(_ now: [Int], _ then: [Int]) -> Double {
    guard now.count == then.count else { return .infinity }
    return populationStabilityIndex(now.map(Double.init), then.map(Double.init), log: Elementary.log)
}

/// A number with so many digits behind the point.
func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

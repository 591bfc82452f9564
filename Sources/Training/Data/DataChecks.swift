/// Validates a history before anything is trained on it.
///
/// A value beyond its limit is an error and stops the job; beyond half of it, a warning.
package struct DataChecks: Equatable, Sendable {
    /// Fewest events.
    package var minEvents = 1000
    /// Largest share of the events that have no customer.
    package var maxAnonymousShare = 0.6
    /// Largest share of the events that one customer may have: more is a word for nobody, such as guest or 0. Of few customers
    /// one may have four times the mean.
    package var maxCustomerShare = 0.1
    /// Largest share of the events that repeat another one in all fields.
    package var maxDuplicateShare = 0.1
    /// Largest share of the events that come after a later one of their customer.
    package var maxLateShare = 0.2
    /// Largest share of the events that are no cancellations and have no price above 0.
    package var maxUnpricedShare = 0.2
    /// Largest share of the events that are cancellations.
    package var maxCancellationShare = 0.3
    /// Largest share of a topic's records that are no events.
    package var maxSkippedShare = 0.01
    /// Most days in a row without an event.
    package var maxGapDays = 30
    /// Events of the last whole week, at least this multiple of the median week's.
    package var minLastWeek = 0.2
    /// Largest share of the champion's number of events by which this history may be shorter.
    package var maxShrinkage = 0.3
    /// Largest difference of any of the shares above from the champion's history.
    package var maxShareChange = 0.2
    /// Largest population stability index of quantities and prices against the champion's history.
    package var maxStabilityIndex = 0.5

    /// The defaults, as in `config/trainer.yaml`.
    package init() {}

    /// One finding a check, in a fixed order.
    /// - Parameters:
    ///   - largestCustomer: the customer with the most events; `nil` where that is not known.
    ///   - skipped: records of a topic that were no events.
    ///   - champion: the profile of the history that the model in service learned from.
    package func findings(
        _ profile: DataProfile, largestCustomer: (identifier: String, events: Int)? = nil, skipped: Int = 0,
        champion: DataProfile?
    ) -> [Finding] {
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
        if let largestCustomer { findings.append(customer(largestCustomer, profile)) }
        if let champion { findings += against(champion, profile) }
        return findings
    }

    private func events(_ profile: DataProfile) -> Finding {
        Finding(
            severity: profile.events < minEvents ? .error : .pass, check: "min_events",
            text: "\(profile.events) events of \(profile.customers) customers (at least \(minEvents))")
    }

    private func customer(_ largest: (identifier: String, events: Int), _ profile: DataProfile) -> Finding {
        limited(
            "max_customer_share", profile.share(largest.events),
            max(maxCustomerShare, 4 / Double(max(profile.customers, 1))),
            "of the events are of the customer \"\(largest.identifier.prefix(40))\": if that is nobody, add it to events.missing, else raise "
                + "checks.max_customer_share"
        )
    }

    private func gap(_ profile: DataProfile) -> Finding {
        let gap = profile.longestGap
        let dates =
            gap.days == 0 ? "" : ", from \(dateText(day: gap.from)) to \(dateText(day: gap.from + gap.days - 1))"
        return Finding(
            severity: severity(Double(gap.days), Double(maxGapDays)), check: "max_gap_days",
            text: "\(gap.days) days in a row without an event\(dates) (at most \(maxGapDays))")
    }

    private func lastWeek(_ profile: DataProfile) -> Finding {
        let share = profile.lastWeekOverMedian
        let end = dateText(day: profile.firstDay + max(profile.eventsByDay.count, 1) - 1)
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
            let index = populationStabilityIndex(profile[keyPath: histogram], champion[keyPath: histogram])
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
}

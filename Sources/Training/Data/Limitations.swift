import Features

/// What a history lacks for a model that can be relied on: what was trained all the same is weak there.
struct Limitations {
    /// Warnings, in a fixed order.
    private(set) var findings: [Finding] = []

    /// Fewer customers give intervals too wide to tell models apart.
    private static let fewestCustomers = 200
    /// Share of positive labels beyond which ranking has little left to tell.
    private static let shares = 0.03...0.97

    init(_ prepared: TrainingRun.Prepared, _ fitted: TrainingRun.Fitted, settings: TrainingSettings) {
        let days = settings.horizon.days
        if settings.evaluation != EvaluationProtocol.Settings(),
            prepared.survey.days < EvaluationProtocol.Settings.standardDays(settings.horizon)
        {
            let learned = (prepared.times.split - prepared.times.start) / EvaluationProtocol.day - Int64(days)
            add(
                "short_history",
                "\(prepared.survey.days) days: models learn from \(learned) of them and are tested on "
                    + "\(settings.evaluation.testDays - days), so that no season is seen and figures are rough; train again as "
                    + "the history grows")
        }
        let sets = fitted.predictions.sets
        let customers = Set(sets.customers(sets.all)).count
        if customers < Self.fewestCustomers {
            add(
                "few_customers",
                "\(customers) customers in the tested period: the figures' intervals are wide, and a better model cannot be told "
                    + "from a lucky one (at least \(Self.fewestCustomers) are better)")
        }
        let labels = sets.labels(sets.indices[.e2]?.first ?? [])
        let share = Double(labels.count { $0 }) / Double(max(1, labels.count))
        if !Self.shares.contains(share) {
            add(
                "base_rate",
                "\(fixed(share * 100, 1)) % of the invoices are followed by another one within \(days) days: "
                    + (share > 0.5
                        ? "nearly everybody buys again so soon; a shorter horizon_days tells customers apart better"
                        : "hardly anybody buys again so soon; a longer horizon_days tells customers apart better"))
        }
        describe(prepared.survey.profile, countries: prepared.encoding.countries.count)
    }

    /// What the events do not tell.
    private mutating func describe(_ profile: DataProfile, countries: Int) {
        if profile.cancellations == 0 {
            add(
                "no_returns",
                "no event gives something back: what is learned of returns is nothing; if the shop has them, say how they are "
                    + "marked (fields.status, events.cancellation_prefix)")
        }
        if profile.withoutDescription == profile.events {
            add("no_description", "no event describes its product: features of descriptions are the same for everybody")
        }
        if countries <= 1 {
            add(
                "one_country",
                "the customers are of one country or of none that is named: its features are the same for everybody")
        }
    }

    private mutating func add(_ check: String, _ text: String) {
        findings.append(Finding(severity: .warning, check: check, text: text))
    }
}

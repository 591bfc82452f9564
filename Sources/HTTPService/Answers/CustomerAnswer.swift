import Customers
import Events
import Worker

/// What `GET /v1/customers/{id}` says of a customer.
struct CustomerAnswer {
    let report: CustomerReport
    /// The report's, or that advanced to a later time.
    let state: CustomerState
    let countries: [String]

    /// - Parameter workspace: has scored `state` last.
    func write(with workspace: ScoringWorkspace, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("customer_id")
            writer.string(report.customerID)
            writer.key("topic")
            writer.string(report.topic)
            writer.key("partition")
            writer.integer(report.partition)
            writer.key("is_state_complete")
            writer.bool(report.isStateComplete)
            writer.key("clock")
            writer.instant(report.state.clock)
            writer.key("as_of")
            writer.instant(state.clock)
            writer.key("prediction")
            writer.object { workspace.writePrediction(&$0) }
            writer.key("state")
            writer.object { writer in
                lifetime(&writer)
                writer.key("basket")
                basket(&writer)
                writer.key("windows")
                writer.array(of: Windows.days.indices) { window($1, &$0) }
                writer.key("days_bought")
                writer.array(of: state.purchaseDays.days) { $0.day($1) }
                writer.key("timeline")
                writer.array(of: state.timeline) { instant($1, &$0) }
            }
            workspace.writeFeatures(&writer)
            workspace.writeExplanation(&writer)
        }
    }

    /// Sums of the whole history.
    private func lifetime(_ writer: inout JSONWriter) {
        let lifetime = state.lifetime
        for (name, time) in [
            ("first_event", lifetime.firstEventTime), ("first_purchase", lifetime.firstPurchaseTime),
            ("last_purchase", lifetime.lastPurchaseTime), ("last_return", lifetime.lastReturnTime),
            ("last_event", report.state.clock),
        ] {
            writer.key(name)
            writer.instant(time)
        }
        for (name, count) in [
            ("events", lifetime.events), ("purchase_lines", lifetime.purchaseLines),
            ("repeat_lines", lifetime.repeatLines), ("return_lines", lifetime.returnLines),
            ("units", lifetime.units), ("purchase_invoices", lifetime.purchaseInvoices),
            ("purchase_days", lifetime.purchaseDays), ("weekend_events", lifetime.weekendEvents),
        ] {
            writer.key(name)
            writer.integer(count)
        }
        for (name, amount) in [
            ("spend", lifetime.spend), ("return_amount", lifetime.returnAmount),
            ("largest_basket_spend", lifetime.largestBasketSpend),
        ] {
            writer.key(name)
            writer.money(amount)
        }
        // A state knows the hash of its country; those that the model knows have names.
        writer.key("country")
        writer.string(countries.first { contentHash(of: $0) == lifetime.countryHash })
    }

    private func basket(_ writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("events")
            writer.integer(state.basket.events)
            writer.key("purchase_lines")
            writer.integer(state.basket.purchaseLines)
            writer.key("return_lines")
            writer.integer(state.basket.returnLines)
            writer.key("units")
            writer.integer(state.basket.units)
            writer.key("spend")
            writer.money(state.basket.spend)
        }
    }

    private func window(_ index: Int, _ writer: inout JSONWriter) {
        let totals = state.window(index)
        writer.object { writer in
            writer.key("days")
            writer.integer(Windows.days[index])
            writer.key("spend")
            writer.money(totals.spend)
            writer.key("return_amount")
            writer.money(totals.returnAmount)
            for (name, count) in [
                ("events", totals.events), ("purchase_lines", totals.purchaseLines),
                ("return_lines", totals.returnLines), ("purchase_invoices", totals.purchaseInvoices),
                ("purchase_days", totals.purchaseDays), ("invoices", totals.invoices), ("products", totals.products),
                ("descriptions", totals.descriptions),
            ] {
                writer.key(name)
                writer.integer(count)
            }
            writer.key("units")
            writer.integer(totals.units)
        }
    }

    private func instant(_ instant: CustomerState.Instant, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("time")
            writer.instant(instant.time)
            writer.key("spend")
            writer.money(instant.totals.spend)
            writer.key("units")
            writer.integer(instant.totals.units)
            writer.key("purchase_lines")
            writer.integer(instant.totals.purchaseLines)
            writer.key("return_lines")
            writer.integer(instant.totals.returnLines)
            writer.key("return_amount")
            writer.money(instant.totals.returnAmount)
        }
    }
}

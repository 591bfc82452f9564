/// One labeled example: a customer at an instant, and whether they bought within the horizon after it.
package struct Example: Sendable {
    /// What makes the instant an example.
    package enum Kind: Equatable, Sendable {
        /// The customer's event at that instant; the last one of its invoice or not.
        case event(isLastOfInvoice: Bool)
        /// An observation date, on which every known customer is scored whether or not they have an event.
        case observation
    }

    /// What makes the instant an example.
    package let kind: Kind
    /// The customer's number in the history's survey.
    package let customer: Int32
    /// t, in milliseconds since 1970: features are computed from the events before it, the label from those after it.
    package let time: Int64
    /// Whether the customer buys on another invoice within the horizon.
    package let label: Bool
    /// Events of the invoice up to and including this one; 0 on an observation date.
    package let positionInInvoice: Int32
    /// Content hash of the customer's country at that time; 0 for none.
    let countryHash: UInt64
    /// The row of the dataset's matrix that holds the features.
    let row: Int32
}

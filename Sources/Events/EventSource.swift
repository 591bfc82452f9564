/// A sequence of customer events in the order of the stream.
package protocol EventSource: AnyObject {
    /// The next event's fields, `nil` at the end. They stay valid until the next call.
    func nextFields() throws(HistoryError) -> EventFields?
    /// How much of the whole has been read, 0 to 1; `nil` where that is not known.
    var share: Double? { get }
    /// The names under which the source read its fields.
    var names: FieldNames { get }
}

/// One layer's value of one key.
struct Entry {
    enum Value: Equatable {
        case scalar(String)
        case list([String])
        /// A key with nothing after it, `null`, `~`, or `{}`.
        case nothing
    }

    let value: Value
    let origin: ConfigurationOrigin

    /// The elements, where a list is expected; `nil` for a single value. Environment and `--set` separate elements by commas.
    var items: [String]? {
        switch (value, origin) {
        case (.list(let items), _):
            items
        case (.scalar(""), .environment), (.scalar(""), .override):
            []
        case (.scalar(let text), .environment), (.scalar(let text), .override):
            text.split(separator: ",", omittingEmptySubsequences: false).map { item in
                String(item.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
            }
        default:
            nil
        }
    }
}

/// What one layer says for one key.
struct Entry {
    enum Value: Equatable {
        case scalar(String)
        case list([String])
        /// A key with nothing after it, `null`, `~`, or `{}`.
        case nothing
    }

    let value: Value
    let origin: ConfigurationOrigin

    /// The elements, where a list is expected. Only layers that cannot hold a list separate one with commas.
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

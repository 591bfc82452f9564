/// Where a value, or a mistake, was written.
package enum ConfigurationOrigin: Sendable, Hashable, CustomStringConvertible {
    /// The default in code: no layer sets the key.
    case code
    /// A file as a whole, by the path it was asked for.
    case file(String)
    /// A key in a file. Lines and columns count from 1, columns in Unicode scalars.
    case position(file: String, line: Int, column: Int)
    /// An environment variable, by name.
    case environment(String)
    /// A `--set` argument, by its key.
    case override(String)

    /// The place as an error message names it.
    package var description: String {
        switch self {
        case .code: "default"
        case .file(let name): name
        case .position(let file, let line, let column): "\(file):\(line):\(column)"
        case .environment(let variable): variable
        case .override(let key): "--set \(key)"
        }
    }
}

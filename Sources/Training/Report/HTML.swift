import Foundation

/// The pieces that the report's page is made of.
enum HTML {
    /// A titled section of the page.
    static func section(_ title: String, _ body: String) -> String {
        "<section>\n<h2>\(escaped(title))</h2>\n\(body)\n</section>"
    }

    /// A table whose cells are HTML.
    /// - Parameter texts: number of leading columns that are text; the others are numbers, aligned right.
    static func table(_ header: [String], _ rows: [[String]], texts: Int = 1) -> String {
        func row(_ cells: [String], _ tag: String) -> String {
            "<tr>"
                + cells.enumerated().map {
                    $0.offset < texts ? "<\(tag)>\($0.element)</\(tag)>" : "<\(tag) class=\"n\">\($0.element)</\(tag)>"
                }
                .joined() + "</tr>"
        }
        return "<div class=\"scroll\"><table>\n<thead>\(row(header, "th"))</thead>\n<tbody>"
            + rows.map { row($0, "td") }.joined(separator: "\n") + "</tbody>\n</table></div>"
    }

    /// A name that may be broken at its underscores.
    static func code(_ name: String) -> String {
        "<code>\(escaped(name).replacingOccurrences(of: "_", with: "_<wbr>"))</code>"
    }

    /// An interval in small type; nothing where there is none.
    static func interval(_ interval: Interval?) -> String {
        interval.map { "<small>\(fixed($0.low, 3))–\(fixed($0.high, 3))</small>" } ?? ""
    }

    /// Figures side by side, as many as fit.
    static func grid(_ figures: [String]) -> String {
        "<div class=\"grid2\">\n\(figures.joined(separator: "\n"))\n</div>"
    }

    /// Plain text as HTML.
    static func escaped(_ text: String) -> String {
        var out = ""
        for character in text {
            switch character {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            default: out.append(character)
            }
        }
        return out
    }
}

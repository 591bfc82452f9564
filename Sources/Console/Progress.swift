import Foundation

/// Shows the progress of long work on standard error: on a terminal one line that is rewritten, elsewhere a line every
/// few seconds.
package final class Progress {
    private let isTerminal = isatty(2) == 1
    private let started = ContinuousClock.now
    private var shown: ContinuousClock.Instant?
    private var lastStep = ""
    private var width = 0

    /// Starts the clock.
    package init() {}

    /// Seconds since the work began.
    package var elapsedSeconds: Double { (ContinuousClock.now - started) / .seconds(1) }

    /// Shows the current step. Cheap enough to call often: at most ten lines a second are written on a terminal.
    ///
    /// - Parameters:
    ///   - step: What is being done. A new step is always shown at once.
    ///   - detail: Figures that change all the time.
    ///   - share: The share of the step that is done, 0 to 1; the remaining time is estimated from it.
    package func show(_ step: String, detail: String = "", share: Double? = nil) {
        let now = ContinuousClock.now
        let pause: Duration = isTerminal ? .milliseconds(100) : .seconds(5)
        if step == lastStep, let shown, now - shown < pause { return }
        if step != lastStep { stepStarted = now }
        shown = now
        lastStep = step
        var line = step
        if !detail.isEmpty { line += ", \(detail)" }
        if let share, share > 0 {
            line += String(format: " %3.0f %%", min(share, 1) * 100)
            let spent = (now - stepStarted) / .seconds(1)
            if share < 1, spent > 1 { line += ", \(Self.time(spent / share * (1 - share))) left" }
        }
        write(line)
    }

    private var stepStarted = ContinuousClock.now

    /// Clears the line on a terminal. Call it before printing anything else.
    package func finish() {
        if isTerminal, width > 0 { writeToStandardError("\r\u{1B}[K") }
        width = 0
    }

    private func write(_ line: String) {
        let text = isTerminal ? "\r\u{1B}[K\(line)" : "\(line)\n"
        width = line.count
        writeToStandardError(text)
    }

    static func time(_ seconds: Double) -> String {
        let whole = Int(seconds.rounded())
        return whole < 60 ? "\(whole) s" : "\(whole / 60) min \(whole % 60) s"
    }
}

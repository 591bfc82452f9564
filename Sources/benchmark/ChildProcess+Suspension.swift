import Foundation
import LocalCluster

extension ChildProcess {
    /// Suspends the process (SIGSTOP) until `resume`.
    func pause() { send(SIGSTOP) }

    /// Resumes the process (SIGCONT).
    func resume() { send(SIGCONT) }

    private func send(_ signal: Int32) {
        if isRunning { Foundation.kill(processIdentifier, signal) }
    }

    /// Processor time of all its threads so far, in seconds; 0 once it has ended.
    var processorSeconds: Double {
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(processIdentifier, &clock) == 0, clock_gettime(clock, &time) == 0 else { return 0 }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

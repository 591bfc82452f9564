import ArgumentParser

/// How often a benchmark of one process measures, and how it prints.
struct MeasurementOptions: ParsableArguments {
    @Option(help: "Repetitions.")
    var repetitions = 5

    @Flag(help: "Print JSON.")
    var json = false
}

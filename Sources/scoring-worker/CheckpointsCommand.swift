import ArgumentParser
import Console
import Events
import Worker

struct CheckpointsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "checkpoints",
        abstract: "Looks at a group's checkpoints, copies them, and deals them out to more partitions.",
        subcommands: [List.self, Show.self, Export.self, Import.self, Repartition.self])

    private static func stored(_ settings: WorkerSettings) -> StoredCheckpoints {
        StoredCheckpoints(settings: settings) { printInfo("warning: \($0)") }
    }

    private static func time(_ milliseconds: Int64?) -> String {
        milliseconds.flatMap { $0 > 0 ? EventTime.text($0) : nil } ?? "-"
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The newest valid checkpoint of each partition.")
        @OptionGroup var configuration: ConfigurationOptions

        func run() async throws {
            try await reportingFailuresAsync {
                let settings = try WorkerSettings(configuration.reader(for: .worker))
                let found = try CheckpointsCommand.stored(settings).list()
                var text = "partition      offset   customers        bytes  event time\n"
                for checkpoint in found {
                    text +=
                        [
                            "\(checkpoint.partition)".leftPadded(9), "\(checkpoint.offset)".leftPadded(11),
                            "\(checkpoint.customers)".leftPadded(11), "\(checkpoint.bytes)".leftPadded(12),
                            " " + CheckpointsCommand.time(checkpoint.clock),
                            checkpoint.gap.isOpen ? " events are missing" : "",
                        ].joined(separator: " ").trimmingTrailingSpaces + "\n"
                }
                try output(
                    found.isEmpty
                        ? "There is no checkpoint of group \(settings.group) and topic \(settings.inputTopic).\n" : text
                )
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "All that a partition's checkpoint says of itself, or a customer's state in it.")
        @Option(help: "The partition's number.")
        var partition: Int32?
        @Option(help: "A customer's identifier.")
        var customer: String?
        @OptionGroup var configuration: ConfigurationOptions

        func validate() throws {
            guard (partition == nil) != (customer == nil) else {
                throw ValidationError("give either --partition NUMBER or --customer IDENTIFIER")
            }
        }

        func run() async throws {
            try await reportingFailuresAsync {
                let stored = CheckpointsCommand.stored(try WorkerSettings(configuration.reader(for: .worker)))
                if let customer {
                    guard let (partition, state) = try stored.customer(customer) else {
                        printError("no checkpoint has customer \(customer)")
                        throw ExitCode.failure
                    }
                    let lifetime = state.lifetime
                    return try output(
                        """
                        partition     \(partition)
                        events        \(lifetime.events) from \(CheckpointsCommand.time(lifetime.firstEventTime)) to \
                        \(CheckpointsCommand.time(state.clock))
                        purchases     \(lifetime.purchaseLines) lines, \(lifetime.purchaseInvoices) invoices, on \
                        \(lifetime.purchaseDays) days
                        spend         \(Double(lifetime.spend) / 10_000)
                        returns       \(lifetime.returnLines) lines, \(Double(lifetime.returnAmount) / 10_000)

                        """)
                }
                guard let found = try stored.list().first(where: { $0.partition == partition }) else {
                    printError("partition \(partition ?? 0) has no checkpoint")
                    throw ExitCode.failure
                }
                try output(
                    """
                    offset        \(found.offset)
                    known by      \(found.lastMessage.map {
                        "offset \($0.offset), \(CheckpointsCommand.time($0.timestamp))" } ?? "not known")
                    customers     \(found.customers)
                    bytes         \(found.bytes)
                    event time    \(CheckpointsCommand.time(found.clock))
                    events        \(found.gap.isOpen
                        ? "some are missing, from before \(CheckpointsCommand.time(found.gap.since))" : "complete")
                    partitions    \(found.partitions.map { "\($0)" } ?? "not known") when the state was begun
                    format        \(found.isOfThisFormat ? "as configured" : "another than configured now")
                    grading       \(found.isGraded ? "predictions wait for their labels" : "none")

                    """)
            }
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copies the newest checkpoints into files, laid out as checkpoints.directory.")
        @Option(help: "Directory to copy them to.")
        var to: String
        @OptionGroup var configuration: ConfigurationOptions

        func run() async throws {
            try await reportingFailuresAsync {
                let copied = try CheckpointsCommand.stored(try WorkerSettings(configuration.reader(for: .worker)))
                    .export(to: to)
                try output("\(copied.count) partitions copied to \(to)\n")
            }
        }
    }

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copies checkpoints from files, as export has written them, into the configured store.")
        @Option(help: "Directory to copy them from.")
        var from: String
        @OptionGroup var configuration: ConfigurationOptions

        func run() async throws {
            try await reportingFailuresAsync {
                let settings = try WorkerSettings(configuration.reader(for: .worker))
                let copied = try CheckpointsCommand.stored(settings).importing(from: from)
                try output("\(copied.count) partitions copied from \(from)\n")
            }
        }
    }

    struct Repartition: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deals customers' states out to the partitions that the input topic has now.",
            discussion: """
                First stop the producers, let the workers come to the topic's end and stop them; then let the topic grow (and the \
                checkpoint topic, where there is one); then run this; then start workers and producers again.
                """)
        @OptionGroup var configuration: ConfigurationOptions

        func run() async throws {
            try await reportingFailuresAsync {
                let settings = try WorkerSettings(configuration.reader(for: .worker))
                let progress = Progress()
                let dealt = try CheckpointsCommand.stored(settings).repartition { step, share in
                    progress.show(step, share: share)
                }
                progress.finish()
                try output(
                    dealt.map {
                        "\(settings.inputTopic)[\($0.partition)]: \($0.customers) customers, \($0.moved) of them from other "
                            + "partitions; its log goes on at offset \($0.offset)\n"
                    }.joined() + "Grading begins anew: predictions that waited for their labels are not taken along.\n")
            }
        }
    }
}

extension String {
    fileprivate func leftPadded(_ width: Int) -> String {
        String(repeating: " ", count: max(0, width - count)) + self
    }

    fileprivate var trimmingTrailingSpaces: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}

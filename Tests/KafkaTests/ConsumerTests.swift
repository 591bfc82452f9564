import TestSupport
import Testing

@testable import Kafka

@Suite(.waiting) struct ConsumerTests {
    @Test(arguments: ["range", "cooperative-sticky"])
    func `two consumers share the partitions, hand them over and resume where the other has committed`(
        strategy: String
    ) throws {
        let broker = try EmbeddedBroker()
        defer { broker.close() }
        try broker.createTopic("events", partitions: 4)
        let producer = try Producer(properties: ["bootstrap.servers": broker.bootstrapServers])
        var sent = 0
        func send(_ count: Int) throws {
            for _ in 0..<count {
                try producer.send("events", partition: Int32(sent % 4), "\(sent)")
                sent += 1
            }
            try producer.flush(timeoutMilliseconds: 10_000)
        }

        let properties = ["partition.assignment.strategy": strategy]
        let first = try Reader(broker.bootstrapServers, group: "g", capacity: 50, properties)
        first.assignments.onRevoke = { [unowned first] _ in first.commitBeforeRevoking() }
        try first.consumer.subscribe(to: ["events"])
        try send(1000)
        try wait {
            try first.poll()
            return first.received.count == 1000
        }
        #expect(first.assignments.owned.count == 4)

        let second = try Reader(broker.bootstrapServers, group: "g", capacity: 50, properties)
        second.assignments.onRevoke = { [unowned second] _ in second.commitBeforeRevoking() }
        try second.consumer.subscribe(to: ["events"])
        try wait {
            try send(20)
            try first.poll(milliseconds: 10)
            try second.poll(milliseconds: 10)
            return first.assignments.owned.count == 2 && second.assignments.owned.count == 2
        }
        #expect(first.assignments.owned.isDisjoint(with: second.assignments.owned))
        #expect(first.assignments.revocations > 0)
        #expect(try Set(first.consumer.assignment) == first.assignments.owned)
        try send(400)
        try wait {
            try first.poll(milliseconds: 10)
            try second.poll(milliseconds: 10)
            return Set(first.received + second.received).count == sent
        }

        // The one that stays takes everything over, from where the other has committed.
        first.consumer.close()
        #expect(first.assignments.owned.isEmpty)
        try send(400)
        try wait {
            try second.poll()
            return second.assignments.owned.count == 4
                && Set(first.received + second.received).count == sent
        }
        second.consumer.close()

        // Everything once: each partition was committed when it was given up, and nothing stale was handed out. Unless
        // that commit was refused: the embedded broker takes none while members join, which Kafka does.
        if first.refusedCommits + second.refusedCommits == 0 {
            #expect(first.received.count + second.received.count == sent)
        }
        #expect(first.errors.isEmpty && second.errors.isEmpty)
    }

    @Test func `a group resumes at its committed offsets, or where the handler says`() throws {
        let broker = try EmbeddedBroker()
        defer { broker.close() }
        try broker.createTopic("events", partitions: 1)
        let place = TopicPartition(topic: "events", partition: 0)
        let producer = try Producer(properties: ["bootstrap.servers": broker.bootstrapServers])
        for number in 0..<10 { try producer.send("events", "\(number)") }
        try producer.flush(timeoutMilliseconds: 10_000)

        func firstOffset(startingAt starts: [PartitionOffset], commit: Int64?) throws -> Int64? {
            let reader = try Reader(broker.bootstrapServers, group: "g")
            reader.assignments.starts = starts
            try reader.consumer.subscribe(to: ["events"])
            try wait {
                try reader.poll()
                return !reader.received.isEmpty
            }
            if let commit { try reader.consumer.commit([PartitionOffset(place, offset: commit)]) }
            let committed = try reader.consumer.committed([place], timeoutMilliseconds: 5000)
            if let commit { #expect(committed == [PartitionOffset(place, offset: commit)]) }
            reader.consumer.close()
            return reader.received.first?.offset
        }
        #expect(try firstOffset(startingAt: [], commit: 4) == 0)
        #expect(try firstOffset(startingAt: [], commit: nil) == 4)
        #expect(try firstOffset(startingAt: [PartitionOffset(place, offset: 7)], commit: nil) == 7)
        #expect(
            try firstOffset(startingAt: [PartitionOffset(place, offset: PartitionOffset.beginning)], commit: nil) == 0)
    }

    @Test func `a commit can be sent, and heard of later`() throws {
        let broker = try EmbeddedBroker()
        defer { broker.close() }
        try broker.createTopic("events", partitions: 1)
        let place = TopicPartition(topic: "events", partition: 0)
        let producer = try Producer(properties: ["bootstrap.servers": broker.bootstrapServers])
        try producer.send("events", "0")
        try producer.flush(timeoutMilliseconds: 10_000)
        let reader = try Reader(broker.bootstrapServers, group: "g")
        try reader.consumer.subscribe(to: ["events"])
        try wait {
            try reader.poll()
            return !reader.received.isEmpty
        }
        // Several may be under way; the one sent last counts.
        let commits = try (1...3).map {
            try reader.consumer.commitAsync([PartitionOffset(place, offset: $0, note: "note \($0)")])
        }
        for commit in commits { try #require(commit.outcome(timeoutMilliseconds: 5000)).get() }
        #expect(commits[0].outcome() as Any? == nil, "it is told once")
        #expect(
            try reader.consumer.committed([place], timeoutMilliseconds: 5000)
                == [PartitionOffset(place, offset: 3, note: "note 3")])
        reader.consumer.close()
    }

    @Test func `one can ask for ends, times and positions, seek, pause and resume`() throws {
        let broker = try EmbeddedBroker()
        defer { broker.close() }
        try broker.createTopic("events", partitions: 3)
        let place = TopicPartition(topic: "events", partition: 1)
        let producer = try Producer(properties: ["bootstrap.servers": broker.bootstrapServers])
        for number in 0..<10 { try producer.send("events", partition: 1, "\(number)") }
        try producer.flush(timeoutMilliseconds: 10_000)

        let reader = try Reader(broker.bootstrapServers, group: "g", ["enable.partition.eof": "true"])
        let consumer = reader.consumer
        #expect(try consumer.partitionCount(of: "events", timeoutMilliseconds: 5000) == 3)
        #expect(try consumer.watermarks(of: place, timeoutMilliseconds: 5000) == Watermarks(low: 0, high: 10))
        // The embedded broker keeps no index by time and answers only for the ends of a partition.
        #expect(try consumer.offsets(forTimes: [place: 0], timeoutMilliseconds: 5000).map(\.partition) == [place])
        #expect(try consumer.committed([place], timeoutMilliseconds: 5000)[0].offset == PartitionOffset.none)

        try consumer.subscribe(to: ["events"])
        var ends: Set<PartitionOffset> = []
        try wait {
            try reader.poll()
            ends.formUnion(reader.batch.ends)
            return reader.received.count == 10 && ends.count == 3
        }
        #expect(ends.contains(PartitionOffset(place, offset: 10)))
        #expect(try consumer.position(of: [place]) == [PartitionOffset(place, offset: 10)])

        #expect(try consumer.seek(to: [PartitionOffset(place, offset: 6)], timeoutMilliseconds: 5000).isEmpty)
        try wait {
            try reader.poll()
            return reader.received.count == 14
        }
        #expect(reader.received.suffix(4).map(\.offset) == [6, 7, 8, 9])

        try consumer.pause([place])
        for number in 0..<5 { try producer.send("events", partition: 1, "\(number)") }
        try producer.send("events", partition: 2, "passes")
        try producer.flush(timeoutMilliseconds: 10_000)
        try wait {
            try reader.poll()
            return reader.received.count == 15
        }
        #expect(reader.received.last?.place.partition == 2)
        try consumer.resume([place])
        try wait {
            try reader.poll()
            return reader.received.count == 20
        }
        #expect(reader.errors.isEmpty)
        consumer.close()
    }

    @Test func `closing twice is closing once`() throws {
        let broker = try EmbeddedBroker()
        defer { broker.close() }
        try broker.createTopic("events", partitions: 2)
        let reader = try Reader(broker.bootstrapServers, group: "g")
        try reader.consumer.subscribe(to: ["events"])
        try wait {
            try reader.poll()
            return reader.assignments.owned.count == 2
        }
        reader.consumer.close()
        reader.consumer.close()
        #expect(reader.assignments.owned.isEmpty)
        #expect(reader.assignments.revocations == 1)
    }

    @Test func `a commit of an old generation says rejoin`() throws {
        let broker = try EmbeddedBroker()
        defer { broker.close() }
        try broker.createTopic("events", partitions: 1)
        let reader = try Reader(broker.bootstrapServers, group: "g")
        try reader.consumer.subscribe(to: ["events"])
        try wait {
            try reader.poll()
            return reader.assignments.owned.count == 1
        }
        broker.fail(.offsetCommit, with: [.illegalGeneration])
        let error = try #require(throws: KafkaError.self) {
            try reader.consumer.commit([PartitionOffset(topic: "events", partition: 0, offset: 0)])
        }
        #expect(error.remedy == .rejoin, "\(error)")
        reader.consumer.close()
    }

    @Test func `polling keeps the partitions, and not polling loses them`() throws {
        let broker = try EmbeddedBroker()
        defer { broker.close() }
        try broker.createTopic("events", partitions: 1)
        let reader = try Reader(
            broker.bootstrapServers, group: "g", ["max.poll.interval.ms": "6000"])
        let place = TopicPartition(topic: "events", partition: 0)
        try reader.consumer.subscribe(to: ["events"])
        try wait {
            try reader.poll()
            return reader.assignments.owned.count == 1
        }
        let busy = Deadline(milliseconds: 8000)
        while !busy.isPast { try reader.poll(milliseconds: 100) }
        #expect(reader.errors.isEmpty && reader.assignments.losses == 0)

        // Other calls do not count as polling.
        let idle = Deadline(milliseconds: 8000)
        while !idle.isPast { _ = try reader.consumer.watermarks(of: place, timeoutMilliseconds: 5000) }
        try wait {
            try reader.poll()
            return reader.assignments.losses == 1 && !reader.errors.isEmpty
        }
        #expect(reader.errors[0].name == "_MAX_POLL_EXCEEDED")
        #expect(reader.errors[0].remedy == .rejoin)
        // Polling alone joins again.
        try wait {
            try reader.poll()
            return reader.assignments.owned.count == 1
        }
        reader.consumer.close()
    }

    @Test func `a consumer that is let go of leaves without its handler`() throws {
        let broker = try EmbeddedBroker()
        defer { broker.close() }
        try broker.createTopic("events", partitions: 1)
        let assignments: Assignments
        do {
            let reader = try Reader(broker.bootstrapServers, group: "g")
            assignments = reader.assignments
            try reader.consumer.subscribe(to: ["events"])
            try wait {
                try reader.poll()
                return assignments.owned.count == 1
            }
        }
        #expect(assignments.revocations == 0)
    }
}

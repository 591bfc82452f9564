import CoreMetrics
import Events
import Testing

@testable import Monitoring

@Suite struct PrometheusTests {
    @Test func writesWhatWasRecordedInPrometheussNotation() {
        let registry = PrometheusRegistry(
            namespace: "shop",
            descriptions: [
                "events_total": .init(.counter, "What came\nin \\ all"), "lost": .init(.gauge, "Nothing yet"),
            ])
        let counter = Counter(label: "events", dimensions: [], factory: registry)
        counter.increment(by: 3)
        Counter(label: "events", dimensions: [], factory: registry).increment()
        Meter(label: "lag", dimensions: [("topic", "a\"b\\c\nd"), ("part-ition", "1")], factory: registry).set(2.5)
        Meter(label: "process_start", dimensions: [], factory: registry).set(Double.nan)
        #expect(
            registry.text() == """
                # TYPE process_start gauge
                process_start NaN
                # HELP shop_events_total What came\\nin \\\\ all
                # TYPE shop_events_total counter
                shop_events_total 4
                # TYPE shop_lag gauge
                shop_lag{part_ition="1",topic="a\\"b\\\\c\\nd"} 2.5
                # HELP shop_lost Nothing yet
                # TYPE shop_lost gauge

                """)
        counter.destroy()
        #expect(!registry.text().contains("shop_events_total 4"))
        #expect(registry.text().contains("# TYPE shop_events_total counter"), "it may have values again")
    }

    @Test func histogramsCountWhatIsAtOrBelowEachBound() {
        let registry = PrometheusRegistry(
            namespace: "shop",
            descriptions: ["size": .init(.histogram, "Of a parcel", bounds: [1, 1.5, 2, 3])])
        let recorder = Recorder(label: "size", dimensions: [("kind", "x")], aggregate: true, factory: registry)
        for value in [0, 1, 1.25, 1.5, 1.51, 3, 1e9] { recorder.record(value) }
        let lines = Set(registry.text().split(separator: "\n").map(String.init))
        #expect(lines.count { $0.contains("_bucket") } == 5)
        for (bound, count) in [("1", 2), ("1.5", 4), ("2", 5), ("3", 6), ("+Inf", 7)] {
            #expect(lines.contains("shop_size_bucket{kind=\"x\",le=\"\(bound)\"} \(count)"), "\(bound)")
        }
        #expect(lines.contains("shop_size_count{kind=\"x\"} 7"))
        let timer = Timer(label: "wait", dimensions: [], factory: registry)
        timer.recordNanoseconds(1_500_000_000)
        #expect(registry.text().contains("shop_wait_seconds_sum 1.5\n"))
    }

    @Test func everyValueFallsIntoTheBucketThatItsBoundsSay() {
        var random = SplitMix64(seed: 1)
        let bounds = HistogramSeries.seconds + [1024, 1536, 2048]
        let values =
            (0..<20_000).map { _ in Double(bitPattern: random.next() >> 2 | 0x3000_0000_0000_0000) }
            + bounds + bounds.map(\.nextUp) + bounds.map(\.nextDown)
        for value in values {
            var histogram = Histogram()
            histogram.record(value)
            #expect(histogram.cumulative(upTo: bounds) == bounds.map { $0 < value ? 0 : 1 }, "\(value)")
        }
    }

    @Test func countsFromManyThreadsAtOnce() async {
        let registry = PrometheusRegistry(namespace: "shop")
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for number in 0..<10_000 {
                        Counter(label: "events", dimensions: [], factory: registry).increment()
                        if number % 100 == 0 { _ = registry.text() }
                    }
                }
            }
        }
        #expect(registry.text().contains("shop_events_total 80000\n"))
    }
}

@Suite struct HistogramTests {
    @Test func percentilesAreWithinSixPercent() {
        for seed in 0..<20 as Range<UInt64> {
            var random = SplitMix64(seed: seed)
            var histogram = Histogram()
            let values = (0..<5000).map { _ in
                Double(
                    sign: .plus, exponent: Int(random.next() % 30) - 15,
                    significand: 1 + Double(random.next() % 1000) / 1000)
            }
            for value in values { histogram.record(value) }
            let sorted = values.sorted()
            for share in [0.01, 0.5, 0.9, 0.99, 1] {
                let exact = sorted[max(Int((share * 5000).rounded(.up)) - 1, 0)]
                let found = histogram.percentile(share)
                #expect(found >= exact && found <= exact * 1.0626, "seed \(seed): \(found) for \(exact)")
            }
        }
    }

    @Test func takesWhateverItIsGiven() {
        var histogram = Histogram()
        for value in [0, -1, .nan, .infinity, -.infinity, 1e300, .leastNonzeroMagnitude] { histogram.record(value) }
        #expect(histogram.count == 7)
        #expect(Histogram().percentile(0.5) == 0)
    }

    @Test func everyBucketIncludesItsUpperBound() {
        for bucket in 0..<(Histogram.bucketCount - 1) {
            let bound = Histogram.upperBound(bucket)
            #expect(Histogram.bucket(bound) == bucket && Histogram.bucket(bound.nextUp) == bucket + 1)
        }
    }
}

// swift-tools-version: 6.2

import PackageDescription

let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

let package = Package(
    name: "future-cart",
    dependencies: [
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CRDKafka", providers: [.apt(["librdkafka-dev"])]),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CCurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CJemalloc", providers: [.apt(["libjemalloc-dev"])]),
        .systemLibrary(name: "CCrypto", providers: [.apt(["libssl-dev"])]),
        .target(name: "CArithmetic"),
        .target(name: "CEvents"),
        .target(name: "CPrefetch"),
        .systemLibrary(name: "CXGBoost", providers: [.apt(["libxgboost-dev"])]),
        .target(name: "Events", dependencies: ["CEvents", "CZlib", "CZstd"], swiftSettings: strict),
        .target(
            name: "SchemaRegistry", dependencies: ["CCurl", "Events"],
            resources: [.embedInCode("Output/prediction.avsc"), .embedInCode("Output/outcome.avsc")],
            swiftSettings: strict),
        .target(name: "Customers", dependencies: ["CPrefetch", "Events"], swiftSettings: strict),
        .target(name: "Features", dependencies: ["CArithmetic", "Customers", "Events"], swiftSettings: strict),
        .target(
            name: "Ensemble", dependencies: ["CCrypto", "CArithmetic", "Settings", "Customers", "Features"],
            swiftSettings: strict),
        .target(name: "Scoring", dependencies: ["Customers", "Ensemble", "Events", "Features"], swiftSettings: strict),
        .target(
            name: "Settings", dependencies: [.product(name: "Yams", package: "Yams")], swiftSettings: strict),
        .target(
            name: "Console",
            dependencies: [
                "Settings", "Customers", "Events", "SchemaRegistry",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .target(
            name: "Monitoring",
            dependencies: [
                "CPrefetch", "Customers", "Ensemble", "Events", "Features", "Scoring",
                .product(name: "CoreMetrics", package: "swift-metrics"),
            ], swiftSettings: strict),
        .target(
            name: "Training", dependencies: ["CXGBoost", "Customers", "Ensemble", "Events", "Features", "Monitoring"],
            swiftSettings: strict),
        .target(
            name: "Pipeline",
            dependencies: [
                "Customers", "Ensemble", "Events", "Monitoring", "Scoring",
                .product(name: "CoreMetrics", package: "swift-metrics"),
            ], swiftSettings: strict),
        .target(name: "Kafka", dependencies: ["CCrypto", "CRDKafka"], swiftSettings: strict),
        .target(name: "Topics", dependencies: ["Events", "Kafka", "Pipeline"], swiftSettings: strict),
        .target(
            name: "Worker",
            dependencies: [
                "Settings", "Console", "Customers", "Ensemble", "Events", "Features", "Kafka", "Monitoring", "Pipeline",
                "SchemaRegistry", "Scoring",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ], swiftSettings: strict),
        .target(
            name: "HTTPService",
            dependencies: [
                "Settings", "Customers", "Ensemble", "Events", "Features", "Monitoring", "Scoring", "Worker",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            resources: [.embedInCode("Dashboard/dashboard.html")], swiftSettings: strict),
        .target(name: "Inspection", dependencies: ["Events", "Features", "Kafka"], swiftSettings: strict),
        .target(name: "LocalCluster", dependencies: ["Kafka"], swiftSettings: strict),
        .executableTarget(
            name: "scoring-worker",
            dependencies: [
                "CJemalloc",
                "Settings", "Console", "Customers", "Ensemble", "Events", "Features", "HTTPService", "Inspection",
                "Kafka",
                "LocalCluster", "Monitoring", "Pipeline", "SchemaRegistry", "Scoring", "Topics", "Worker",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ], swiftSettings: strict),
        .executableTarget(
            name: "replay",
            dependencies: [
                "CJemalloc", "Console", "Customers", "Ensemble", "Events", "Features", "Kafka", "Pipeline", "Scoring",
                "Worker",
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "benchmark",
            dependencies: [
                "CJemalloc", "Console", "Customers", "Ensemble", "Events", "Features", "HTTPService", "Kafka",
                "LocalCluster",
                "Monitoring", "Pipeline", "Scoring", "Training", "Worker",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: strict),
        .executableTarget(
            name: "trainer",
            dependencies: [
                "CJemalloc", "Settings", "Console", "Ensemble", "Events", "Features", "Kafka", "SchemaRegistry",
                "Topics",
                "Training",
            ],
            swiftSettings: strict),
        .target(
            name: "TestSupport", dependencies: ["CRDKafka", "Ensemble", "Events", "Kafka", "LocalCluster"],
            path: "Tests/TestSupport",
            swiftSettings: strict),
        .testTarget(name: "TidyTests", dependencies: ["TestSupport"], swiftSettings: strict),
        .testTarget(name: "EventsTests", dependencies: ["Events", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "SettingsTests", dependencies: ["Settings"], swiftSettings: strict),
        .testTarget(
            name: "ConsoleTests", dependencies: ["Console", .product(name: "Logging", package: "swift-log")],
            swiftSettings: strict),
        .testTarget(
            name: "KafkaTests", dependencies: ["CRDKafka", "Kafka", "LocalCluster", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "CustomersTests", dependencies: ["Customers", "Events", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "FeaturesTests", dependencies: ["Customers", "Events", "Features", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "EnsembleTests", dependencies: ["CArithmetic", "Ensemble", "Events", "Features", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "ScoringTests",
            dependencies: ["CJemalloc", "Customers", "Ensemble", "Events", "Features", "Scoring", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "TrainingTests",
            dependencies: ["Customers", "Ensemble", "Events", "Features", "Monitoring", "TestSupport", "Training"],
            swiftSettings: strict),
        .testTarget(
            name: "MonitoringTests",
            dependencies: [
                "Customers", "Ensemble", "Events", "Features", "Monitoring", "Scoring", "TestSupport",
                .product(name: "CoreMetrics", package: "swift-metrics"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "PipelineTests",
            dependencies: [
                "Customers", "Ensemble", "Events", "Monitoring", "Pipeline", "SchemaRegistry", "Scoring", "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "SchemaRegistryTests", dependencies: ["Events", "SchemaRegistry", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "HTTPServiceTests",
            dependencies: [
                "Customers", "Ensemble", "Events", "Features", "HTTPService", "Monitoring", "Scoring", "TestSupport",
                "Worker",
                .product(name: "HummingbirdTesting", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
            ],
            exclude: ["browser_test.py"], swiftSettings: strict),
        .testTarget(
            name: "WorkerTests",
            dependencies: [
                "Customers", "Ensemble", "Events", "Features", "Kafka", "Monitoring", "Pipeline", "SchemaRegistry",
                "Scoring", "TestSupport", "Topics", "Training", "Worker",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "Settings", "Console", "Customers", "Ensemble", "Events", "Features", "Inspection", "Kafka",
                "LocalCluster",
                "SchemaRegistry", "Scoring", "TestSupport", "Training", "Worker",
                "replay", "scoring-worker", "trainer",
                .product(name: "Logging", package: "swift-log"),
            ],
            exclude: ["Fixtures"], swiftSettings: strict),
    ]
)

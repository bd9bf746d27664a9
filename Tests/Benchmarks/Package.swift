// swift-tools-version: 6.2
import PackageDescription

// Built by deploy/bench, which sets VOLARY_BENCHMARKS: Volary's own manifest then offers its modules.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
    name: "benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "volary", path: "../.."),
        // For times with percentiles. Its traits are off because callgrind counts allocations, so its interposers are not needed.
        .package(url: "https://github.com/ordo-one/benchmark.git", from: "1.38.1", traits: []),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.14.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.8.0"),
    ],
    targets: [
        // The measured cases, for both programs below.
        .target(
            name: "Cases",
            dependencies: [
                .product(name: "VolaryProtocol", package: "volary"),
                .product(name: "VolaryBackplane", package: "volary"),
                .product(name: "VolaryNode", package: "volary"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Cases",
            swiftSettings: strict
        ),
        // Runs one case a given number of times, for callgrind.
        .executableTarget(name: "costs", dependencies: ["Cases"], path: "Costs", swiftSettings: strict),
        // Measures the times of the cases.
        .executableTarget(
            name: "Times",
            dependencies: ["Cases", .product(name: "Benchmark", package: "benchmark")],
            path: "Benchmarks/Times",
            swiftSettings: strict,
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]
        ),
    ]
)

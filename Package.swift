// swift-tools-version: 6.2
import PackageDescription

/// Set by deploy/fuzz: our own code is built for libFuzzer, and Tests/Fuzzing becomes a program for it instead of a test.
let fuzzes = Context.environment["VOLARY_FUZZ"] == "1"

/// Set by deploy/bench: Tests/Benchmarks, a package of its own, gets at our modules and at what is internal in them, optimised.
let isMeasured = Context.environment["VOLARY_BENCHMARKS"] == "1"

/// The upcoming features every target is held to: a missing access level or an undeclared import is an error here, not a
/// surprise in the next compiler. CI sets VOLARY_STRICT, which makes every warning an error.
let strict: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ] + (Context.environment["VOLARY_STRICT"] == "1" ? [.treatAllWarnings(as: .error)] : [])
    + (fuzzes ? [.unsafeFlags(["-sanitize=fuzzer"])] : [])
    + (isMeasured ? [.unsafeFlags(["-enable-testing"])] : [])

/// Our modules' release builds leave out the checks for overlapping access, which cost a tenth of a request's time; every test runs with them, in
/// debug builds. Here, so that an application that links the modules has this too: SwiftPM takes unsafe flags of dependencies since 6.2. What they
/// depend on (SwiftNIO above all) is built without the checks only by `-Xswiftc -enforce-exclusivity=unchecked` on the command line (deploy/lib/common.sh).
let fast: [SwiftSetting] = strict + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

/// What an application has by default.
let applications: [SwiftSetting] =
    [.swiftLanguageMode(.v6)] + (Context.environment["VOLARY_STRICT"] == "1" ? [.treatAllWarnings(as: .error)] : [])

let package = Package(
    name: "volary",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "volary", targets: ["volary"]),
        // For applications: hubs in Swift, in a node of their own.
        .library(name: "VolaryHubs", targets: ["VolaryHubs"]),
        .library(name: "VolaryHubsTesting", targets: ["VolaryHubsTesting"]),
    ] + (isMeasured ? ["VolaryProtocol", "VolaryBackplane", "VolaryNode"].map { .library(name: $0, targets: [$0]) } : []),
    dependencies: [
        // Event loops, channels and byte buffers. Older than 2.101.0, one 11-byte WebSocket frame ends the process.
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        // HTTP/2: frames, flow control, header compression and streams.
        .package(url: "https://github.com/apple/swift-nio-http2.git", from: "1.46.0"),
        // TLS to Redis (rediss://), and for clients.
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.0"),
        // Requests, answers, fields and statuses of HTTP, for the routes.
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        // HTTP/1 heads as HTTP types, and the quiet end of a listener with its connections.
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.34.0"),
        // SHA-256: of requests that carry an Idempotency-Key (2 MiB of body become 32 bytes that mean the same to every node), of
        // what the console's browser may run, and of names that are too long for a key of Redis.
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.0"),
        // JSON Web Tokens: whose they are, and whether their signature holds.
        .package(url: "https://github.com/vapor/jwt-kit.git", from: "5.7.0"),
        // PEM files with several keys in them; JWTKit reads one.
        .package(url: "https://github.com/apple/swift-asn1.git", from: "1.7.0"),
        // Logging API, with its line format for terminals.
        .package(url: "https://github.com/apple/swift-log.git", from: "1.14.0"),
        // Metrics API; what is behind it is the operator's choice.
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.9.0"),
        // Start and stop of everything long-lived, in order, with signals.
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.8.0"),
        // Command line, help texts and sub-commands.
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.5.0"),
        // Requests to the event handlers of applications: pooled connections, HTTP/1.1 and HTTP/2 over TLS.
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        // Lock-free counters read by REST and metrics while event loops write them.
        .package(url: "https://github.com/apple/swift-atomics.git", from: "1.2.0"),
        // Ordered indexes and queues.
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.1.0"),
    ],
    targets: [
        .target(
            name: "VolaryProtocol",
            dependencies: [
                "CZlib",
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            path: "Sources/Protocol",
            exclude: ["CZlib"],
            swiftSettings: fast
        ),
        // Debian's and Ubuntu's zlib1g-dev.
        .systemLibrary(
            name: "CZlib",
            path: "Sources/Protocol/CZlib",
            providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]
        ),
        // Debian's and Ubuntu's libhiredis-dev. `link` stands in the module map: pkg-config's flags are refused by SwiftPM.
        .systemLibrary(
            name: "CHiredis",
            path: "Sources/Backplane/CHiredis",
            providers: [.apt(["libhiredis-dev"]), .brew(["hiredis"])]
        ),
        .target(
            name: "VolaryBackplane",
            dependencies: [
                "CHiredis",
                "VolaryProtocol",
                .product(name: "Collections", package: "swift-collections"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Sources/Backplane",
            exclude: ["CHiredis"],
            swiftSettings: fast
        ),
        .target(
            name: "VolaryNode",
            dependencies: [
                "VolaryBackplane",
                "VolaryProtocol",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Atomics", package: "swift-atomics"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOExtras", package: "swift-nio-extras"),
                .product(name: "NIOFoundationEssentialsCompat", package: "swift-nio"),
                .product(name: "NIOHPACK", package: "swift-nio-http2"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Sources/Node",
            exclude: ["Hubs", "Main"],
            // The console and the API's description travel inside the program: it needs no files at run time.
            resources: [
                .embedInCode("HTTP/Console/console.html"), .embedInCode("HTTP/Console/Style"),
                .embedInCode("HTTP/Console/Script"),
                .embedInCode("HTTP/OpenAPI/openapi.json"), .embedInCode("HTTP/OpenAPI/webpubsub.json"),
                .embedInCode("HTTP/OpenAPI/start.js"),
            ],
            swiftSettings: fast
        ),
        // The command line of a node, for `volary` and for applications.
        .target(
            name: "VolaryCommand",
            dependencies: [
                "VolaryNode",
                "VolaryProtocol",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Sources/Node/Main/Command",
            swiftSettings: fast
        ),
        .target(
            name: "VolaryHubs",
            dependencies: [
                "VolaryCommand",
                "VolaryNode",
                "VolaryProtocol",
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            ],
            path: "Sources/Node/Hubs",
            exclude: ["Testing"],
            swiftSettings: fast
        ),
        // Hubs in the process of their tests.
        .target(
            name: "VolaryHubsTesting",
            dependencies: [
                "VolaryBackplane", "VolaryHubs", "VolaryNode", "VolaryProtocol",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Sources/Node/Hubs/Testing",
            swiftSettings: fast
        ),
        .executableTarget(
            name: "volary",
            dependencies: [
                "VolaryCommand",
                "VolaryNode",
                "VolaryProtocol",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Sources/Node/Main",
            exclude: ["Command"],
            swiftSettings: fast
        ),
        // Real servers and independent clients for the tests; nothing of ours is in it.
        .target(
            name: "TestSupport",
            dependencies: [
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHPACK", package: "swift-nio-http2"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ],
            path: "Tests/TestSupport",
            swiftSettings: strict
        ),
        // Faults at random, or one by one: deploy/chaos.
        .executableTarget(
            name: "chaos",
            dependencies: ["TestSupport", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            path: "Tests/Chaos",
            swiftSettings: strict
        ),
        // Usual traffic and bad traffic, for as long as one likes: deploy/soak.
        .executableTarget(
            name: "soak",
            dependencies: [
                "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            ],
            path: "Tests/Soak",
            swiftSettings: strict
        ),
        .testTarget(
            name: "ProtocolTests",
            dependencies: ["VolaryProtocol", "TestSupport", .product(name: "NIOCore", package: "swift-nio")],
            swiftSettings: strict
        ),
        .testTarget(
            name: "BackplaneTests",
            dependencies: [
                "VolaryBackplane", "VolaryProtocol", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "NodeTests",
            dependencies: [
                "VolaryBackplane", "VolaryHubs", "VolaryHubsTesting", "VolaryNode", "VolaryProtocol", "TestSupport",
                "chat-hub", "dashboard-hub", "game-hub", "reference-hub",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOExtras", package: "swift-nio-extras"),
                .product(name: "NIOHPACK", package: "swift-nio-http2"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ClusterTests",
            dependencies: ["TestSupport", .product(name: "NIOCore", package: "swift-nio")],
            swiftSettings: strict
        ),
        // Tables of hostile input, against real processes; tokens are signed by another library than the node's.
        .testTarget(
            name: "HostileTests",
            dependencies: [
                "TestSupport",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
            ],
            swiftSettings: strict
        ),
    ]
)

// Programs of applications, also a package of their own: deploy/examples. Here, so that they share the build.
package.targets += ["Chat", "Dashboard", "Game", "Reference"].map { folder in
    .executableTarget(
        name: "\(folder.lowercased())-hub",
        dependencies: ["VolaryHubs"],
        path: "deploy/examples/Sources/\(folder)",
        swiftSettings: applications
    )
}

let fuzzed: [Target.Dependency] = [
    "VolaryBackplane", "VolaryNode", "VolaryProtocol",
    .product(name: "HTTPTypes", package: "swift-http-types"),
    .product(name: "Logging", package: "swift-log"),
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOEmbedded", package: "swift-nio"),
    .product(name: "NIOHPACK", package: "swift-nio-http2"),
    .product(name: "NIOHTTP1", package: "swift-nio"),
]
package.targets.append(
    fuzzes
        ? .executableTarget(
            name: "fuzz",
            dependencies: fuzzed,
            path: "Tests/Fuzzing",
            exclude: ["Seeded"],
            swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])],
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer"])]
        )
        : .testTarget(
            name: "FuzzingTests",
            dependencies: fuzzed + ["TestSupport"],
            path: "Tests/Fuzzing",
            exclude: ["Main"],
            swiftSettings: strict
        )
)

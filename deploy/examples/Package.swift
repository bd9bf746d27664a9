// swift-tools-version: 6.2
import PackageDescription

// Applications with hubs of their own. The project's package builds the same sources for its tests.
let package = Package(
    name: "volary-examples",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "volary", path: "../..")],
    targets: ["Chat", "Dashboard", "Game", "Reference"].map { folder in
        .executableTarget(
            name: "\(folder.lowercased())-hub",
            dependencies: [.product(name: "VolaryHubs", package: "volary")],
            path: "Sources/\(folder)"
        )
    },
    swiftLanguageModes: [.v6]
)

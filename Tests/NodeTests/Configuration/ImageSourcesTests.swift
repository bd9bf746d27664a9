import Foundation
import Testing

/// What the image and the packages are built from.
struct ImageSourcesTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static func lines(_ path: String) throws -> [Substring] {
        try String(contentsOf: Self.root.appendingPathComponent(path), encoding: .utf8).split(separator: "\n")
    }

    /// The most usual of what Foundation has and `FoundationEssentials` has not: one use of it brings ICU, and doubles the program's size.
    /// The whole check is that of deploy/packages/check.
    nonisolated(unsafe) private static let large =
        /\bThread\.|String\(format:|CharacterSet\(charactersIn|addingPercentEncoding|trimmingCharacters|JSONSerialization|\bNS[A-Z]|Formatter\(|import NIOFoundationCompat/

    @Test func `The program uses nothing that brings ICU`() throws {
        let sources = Self.root.appendingPathComponent("Sources")
        let paths = try #require(FileManager.default.subpaths(atPath: sources.path)).filter { $0.hasSuffix(".swift") }
        for path in paths where !path.hasPrefix("Node/Hubs/Testing/") {
            for line in try Self.lines("Sources/\(path)") where !line.drop(while: { $0 == " " }).hasPrefix("//") {
                #expect(!line.contains(Self.large), "\(path)")
            }
        }
    }

    /// SwiftPM refuses a package that lacks the folder of a target.
    @Test func `The folders of all targets are copied into the image's build`() throws {
        let paths = try Self.lines("Package.swift").compactMap { line in
            line.split(separator: "path: \"", maxSplits: 1).dropFirst().first?.prefix { $0 != "\"" && $0 != "\\" }
        }
        #expect(paths.contains { $0.hasPrefix("deploy/examples") } && paths.contains { $0.hasPrefix("Sources/") })
        let copied = try Self.lines("deploy/Dockerfile").compactMap { line -> Substring? in
            let words = line.split(separator: " ")
            return words.first == "COPY" && words.count == 3 ? words[1] : nil
        }
        let permitted = try Self.lines(".dockerignore").filter { $0.hasPrefix("!") }.map { $0.dropFirst() }
        for path in paths {
            #expect(copied.contains { path.hasPrefix($0) }, "\(path) in deploy/Dockerfile")
            #expect(permitted.contains { path.hasPrefix($0) }, "\(path) in .dockerignore")
        }
    }
}

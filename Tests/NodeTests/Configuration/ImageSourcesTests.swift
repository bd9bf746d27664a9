import Foundation
import Testing

/// The image is built from a part of the repository: each target's folder is in it, since SwiftPM refuses a package without one.
struct ImageSourcesTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static func lines(_ path: String) throws -> [Substring] {
        try String(contentsOf: Self.root.appendingPathComponent(path), encoding: .utf8).split(separator: "\n")
    }

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

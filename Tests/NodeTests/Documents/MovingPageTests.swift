import Foundation
import Testing

/// The pages about moving from other servers.
@Suite
struct MovingPageTests {
    @Test(arguments: ["MovingFromAzureWebPubSub", "MovingFromSignalR"])
    func `Each test that the page names is there`(page: String) throws {
        let root = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../..").standardized
        let file = root.appendingPathComponent("Sources/Node/VolaryNode.docc/\(page).md")
        let rows = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter { $0.hasPrefix("|") }
        let named = rows.compactMap { $0.firstMatch(of: /\| `([^`]+)` \|$/).map { String($0.1) } }
        #expect(named.count > 15)
        let tests = root.appendingPathComponent("Tests")
        var sources = ""
        for path in try #require(FileManager.default.subpaths(atPath: tests.path)) where path.hasSuffix(".swift") {
            sources += try String(contentsOf: tests.appendingPathComponent(path), encoding: .utf8)
        }
        for name in named { #expect(sources.contains("func `\(name)`"), "\(name)") }
    }
}

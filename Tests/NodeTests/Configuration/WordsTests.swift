import Foundation
import Testing

/// The page that says which file has what.
@Suite
struct WordsTests {
    @Test func `Each file that is named is there, once`() throws {
        let sources = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../Sources").standardized
        let page = sources.appendingPathComponent("Node/VolaryNode.docc/Words.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        let paths = try #require(FileManager.default.subpaths(atPath: sources.path))
        let named = Set(text.matches(of: #/`([\w+]+\.swift)`/#).map { String($0.1) })
        #expect(named.count > 20)
        for name in named { #expect(paths.count { $0.hasSuffix("/\(name)") } == 1, "\(name)") }
        let folders = text.matches(of: #/`Sources\/([\w\/]+)`/#).map { String($0.1) }
        #expect(folders.count >= 10)
        for folder in folders { #expect(paths.contains(folder), "\(folder)") }
    }
}

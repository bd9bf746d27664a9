import Foundation
import Testing

/// The pages that say which file has what.
@Suite
struct WordsTests {
    @Test(arguments: [("Words.md", 20, 10), ("Core.md", 15, 0)])
    func `Each file that is named is there, once`(name: String, fileCount: Int, folderCount: Int) throws {
        let sources = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../Sources").standardized
        let page = sources.appendingPathComponent("Node/VolaryNode.docc/\(name)")
        let text = try String(contentsOf: page, encoding: .utf8)
        let paths = try #require(FileManager.default.subpaths(atPath: sources.path))
        let named = Set(text.matches(of: #/`([\w+]+\.swift)`/#).map { String($0.1) })
        #expect(named.count > fileCount)
        for name in named { #expect(paths.count { $0.hasSuffix("/\(name)") } == 1, "\(name)") }
        let folders = text.matches(of: #/`Sources\/([\w\/]+)`/#).map { String($0.1) }
        #expect(folders.count >= folderCount)
        for folder in folders { #expect(paths.contains(folder), "\(folder)") }
    }
}

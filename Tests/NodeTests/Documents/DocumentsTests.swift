import Foundation
import Testing
import VolaryNode

/// All pages: README and those beside it, the catalogue, and those for operators.
@Suite
struct DocumentsTests {
    @Test func `README has at most 8,000 bytes`() throws {
        #expect(try Page("README.md").text.utf8.count <= 8_000)
    }

    @Test func `Every link leads to a file that exists, and to a heading in it`() throws {
        let pages = try Page.all()
        #expect(pages.count > 20)
        let anchors = Dictionary(uniqueKeysWithValues: pages.map { ($0.path, $0.anchors) })
        for page in pages {
            let folder = Page.root.appendingPathComponent(page.path).deletingLastPathComponent()
            for link in page.links where !link.contains("://") {
                let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                let file = parts[0].isEmpty ? page.path : Self.path(of: folder.appendingPathComponent(parts[0]))
                let isThere = FileManager.default.fileExists(atPath: Page.root.appendingPathComponent(file).path)
                #expect(isThere, "\(page.path): \(link)")
                guard parts.count == 2 else { continue }
                #expect(anchors[file]?.contains(parts[1]) == true, "\(page.path): \(link) has no such heading")
            }
        }
    }

    @Test(arguments: ["README.md", "\(Page.catalogue)/VolaryNode.md"])
    func `A page that lists the others leads to each page`(path: String) throws {
        let page = try Page(path)
        let folder = Page.root.appendingPathComponent(page.path).deletingLastPathComponent()
        let targets = Set(page.links.map { Self.path(of: folder.appendingPathComponent(String($0.prefix { $0 != "#" }))) })
        for other in try Page.all() where ![path, "README.md"].contains(other.path) {
            #expect(targets.contains(other.path), "\(path) does not lead to \(other.path)")
        }
    }

    @Test(arguments: ["CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"])
    func `Each file and folder that the page names is there`(path: String) throws {
        let named = try Page(path).text.matches(of: #/`((?:deploy|Sources|Tests|\.ci)\/[\w\/.]+)/#).map { String($0.1) }
        for name in named {
            #expect(FileManager.default.fileExists(atPath: Page.root.appendingPathComponent(name).path), "\(path): \(name)")
        }
    }

    @Test func `The newest section of the changelog is the program's version, and so is the image of Kubernetes`() throws {
        let sections = try Page("CHANGELOG.md").text.matches(of: /(?m)^## (\d+\.\d+\.\d+), (not released yet|\d{4}-\d\d-\d\d)$/)
        #expect(sections.first.map { String($0.1) } == NodeServer.version)
        #expect(try Page("deploy/kubernetes/example/kustomization.yaml").text.contains("newTag: \(NodeServer.version)\n"))
    }

    @Test func `A picture has at most 150 KB`() throws {
        let folder = Page.root.appendingPathComponent("\(Page.catalogue)/Resources")
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
            #expect(try Data(contentsOf: folder.appendingPathComponent(name)).count <= 150_000, "\(name)")
        }
    }

    /// Relative to the root of the repository.
    private static func path(of file: URL) -> String {
        String(file.standardized.path.dropFirst(Page.root.path.count + 1))
    }
}

import Foundation

/// A page in Markdown.
struct Page {
    /// Relative to the root of the repository.
    let path: String
    let text: String

    static let root = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../..").standardized
    static let catalogue = "Sources/Node/VolaryNode.docc"

    init(_ path: String) throws {
        self.path = path
        self.text = try String(contentsOf: Self.root.appendingPathComponent(path), encoding: .utf8)
    }

    /// README and the other pages beside it, the catalogue, and the pages for operators.
    static func all() throws -> [Page] {
        let paths = try ["", "\(Self.catalogue)/", "deploy/"].flatMap { folder in
            try FileManager.default.contentsOfDirectory(atPath: Self.root.appendingPathComponent(folder).path)
                .filter { $0.hasSuffix(".md") }.map { folder + $0 }
        }
        return try paths.sorted().map(Page.init)
    }

    /// The rows of all tables, with their cells.
    var rows: [[String]] {
        self.text.split(separator: "\n").filter { $0.hasPrefix("| ") }.map { line in
            line.dropFirst(2).dropLast(2).components(separatedBy: " | ")
        }
    }

    /// The targets of all links and pictures.
    var links: [String] {
        self.prose.matches(of: /\]\(([^)\s]+)\)/).map { String($0.1) }
    }

    /// The anchors of all headings, as GitHub makes them.
    var anchors: Set<String> {
        var found: Set<String> = []
        for heading in self.prose.matches(of: /(?m)^#+ (.*)$/) {
            let kept = heading.1.lowercased().filter { $0.isLetter || $0.isNumber || "-_ ".contains($0) }
            let anchor = kept.replacing(" ", with: "-")
            let repeated = (1...).lazy.map { "\(anchor)-\($0)" }.first { !found.contains($0) }
            found.insert(found.contains(anchor) ? repeated ?? anchor : anchor)
        }
        return found
    }

    /// Without blocks of code, in which neither headings nor links are.
    private var prose: String {
        self.text.replacing(/(?ms)^```.*?^```/, with: "")
    }
}

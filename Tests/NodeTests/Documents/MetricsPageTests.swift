import Foundation
import TestSupport
import Testing

@testable import VolaryNode

/// The page about metrics.
@Suite
struct MetricsPageTests {
    @Test func `Every metric has its row, with its type and the text of its HELP line`() async throws {
        try await APITestNode.with { node in
            let families = try Exposition(try await node.http.request("GET", "/metrics").body).families
            let rows = try Page("\(Page.catalogue)/Metrics.md").rows.filter { $0.count == 3 && $0[0].hasPrefix("`") }
            #expect(rows.map { $0[0] }.sorted() == families.map { "`\($0.name)`" }.sorted())
            for row in rows {
                let family = families.first { "`\($0.name)`" == row[0] }
                #expect(row[1] == family?.type, "\(row[0])")
                #expect(row[2] == family.flatMap { MetricsHelp.texts[$0.name] }, "\(row[0])")
            }
        }
    }

    @Test func `The alerts and the dashboard name only metrics that a node shows`() async throws {
        let folder = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../deploy/monitoring").standardized
        try await APITestNode.with { node in
            let families = try Exposition(try await node.http.request("GET", "/metrics").body).families
            let shown = Set(
                families.flatMap { family in
                    family.type == "histogram" || family.type == "summary"
                        ? ["_bucket", "_count", "_sum"].map { family.name + $0 } : [family.name]
                }
            )
            for file in ["rules.yaml", "dashboard.json"] {
                let text = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
                let named = Set(text.matches(of: /\b(?:volary|process)_[a-z_]+/).map { String($0.output) })
                #expect(named.count > 20 && named.subtracting(shown).isEmpty, "\(file): \(named.subtracting(shown))")
            }
        }
    }
}

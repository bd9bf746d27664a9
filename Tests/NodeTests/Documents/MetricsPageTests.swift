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
            let rows = try Page("\(Page.catalogue)/Metrics.md").rows.filter { $0.count == 3 && $0[0].hasPrefix("`volary_") }
            #expect(rows.map { $0[0] }.sorted() == families.map { "`\($0.name)`" }.sorted())
            for row in rows {
                let family = families.first { "`\($0.name)`" == row[0] }
                #expect(row[1] == family?.type, "\(row[0])")
                #expect(row[2] == family.flatMap { MetricsHelp.texts[$0.name] }, "\(row[0])")
            }
        }
    }
}

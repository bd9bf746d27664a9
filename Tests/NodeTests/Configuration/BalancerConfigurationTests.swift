import Foundation
import Testing

@testable import VolaryNode

/// What deploy/haproxy.cfg has to know of a node.
@Suite
struct BalancerConfigurationTests {
    @Test func `The balancer waits longer for an answer than a push for its receipts, and a twin for the push`() throws {
        let file = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../deploy/haproxy.cfg").standardized
        let text = try String(contentsOf: file, encoding: .utf8)
        let times = text.matches(of: #/(?m)^ *timeout server +(\w+)$/#).map { DurationText.parse(String($0.1)) }
        try #require(times.count == 1)
        #expect(try #require(times[0]) >= Query.longestTimeout + .seconds(2))
    }
}

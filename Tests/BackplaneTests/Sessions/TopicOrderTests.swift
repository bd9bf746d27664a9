import Testing
import VolaryProtocol

@testable import VolaryBackplane

struct TopicOrderTests {
    /// By canonical equivalence, which takes quadratic time for marks, the first name would equal U+00C5 and be the second.
    @Test func `Topics are in the order of their names' bytes`() throws {
        let names = try ["\u{100}", "\u{212B}"].map { try #require(AudienceName($0)) }
        var follower = HubFollower(node: .random())
        var output = SessionOutput()
        let id = ConnectionID.random(on: follower.node, shard: 0)
        follower.attach(id, client: NamedClient(id), user: names[0], groups: names.reversed(), into: &output)
        guard case .subscribe(let topics)? = output.actions.first else {
            Issue.record("not subscribed: \(output.actions)")
            return
        }
        #expect(topics == [.all, .group(names[0]), .group(names[1]), .user(names[0])])
    }
}

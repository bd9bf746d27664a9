import NIOPosix
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// How much of Redis' time lists of sessions take at once.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct SessionCostTests {
    @Test func `A list reads the sessions with most groups one in each script`() async throws {
        let server = try RedisServer.start()
        defer { server.stop() }
        let resolver = MasterResolver(
            configuration: try RedisConfiguration(url: server.url),
            eventLoop: MultiThreadedEventLoopGroup.singleton.any(),
            logger: .quiet
        )
        let store = RedisSessionStore(resolver: resolver, logger: .quiet)
        store.start()
        defer { store.stop() }
        #expect(await eventually { (try? await store.expired(in: .default, limit: 1)) != nil })
        let endpoint = SessionEndpoint(store: store, openLink: { _ in throw ContractError() }, advance: { _ in })
        var node = ContractNode(1, endpoint)
        let groups = (0..<GroupLimits.maximum.groups).map { AudienceName("g\($0)")! }
        for _ in 0..<20 { _ = try await node.attach(.random(on: node.id), groups: groups) }
        server.command("CONFIG", "SET", "slowlog-log-slower-than", "0")
        server.command("CONFIG", "SET", "slowlog-max-len", "1000")
        server.command("SLOWLOG", "RESET")
        let ids = try await store.find(SessionSelection(group: groups[7]), in: .default, after: nil).sessions.map(\.id)
        let records = try await store.records(of: ids, in: .default)
        #expect(records.count == 20 && records.allSatisfy { $0.memberships.count == groups.count })
        let executed = server.command("SLOWLOG", "LEN") ?? ""
        #expect(Int(executed.dropFirst().prefix { $0.isNumber }) ?? 0 > 20)
    }
}

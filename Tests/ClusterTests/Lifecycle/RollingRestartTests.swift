import Foundation
import TestSupport
import Testing

extension RealProcesses {
    /// A rolling restart behind the real balancer.
    @Suite(.timeLimit(.minutes(5)))
    struct RollingRestartTests {
        /// As `deploy/run` starts its nodes, but for the pace.
        private static let options = Cluster.quiet + ["--drain-delay", "2s", "--drain-timeout", "4s"]
        private static let clients = 500
        private static let secret = "0123456789abcdef0123456789abcdef"

        /// Ten users, each in two of five groups; their tokens say so, and let them talk to everybody.
        private static func identities(_ key: TemporaryFile) async throws -> [RestartClient.Identity] {
            var identities: [RestartClient.Identity] = []
            for number in 0..<10 {
                let (user, groups) = ("user-\(number)", ["group-\(number % 5)", "group-\((number + 1) % 5)"])
                let options = groups.flatMap { ["--group", $0] } + ["--permission", "broadcast"]
                let token = try await TestToken.mint(key, user: user, options)
                identities.append(.init(user: user, groups: groups, token: token))
            }
            return identities
        }

        @Test
        func
            `Three nodes restarted in turn: clients see 1012 only and come back once a node, REST callers see no failure, nothing is missed`()
            async throws
        {
            let key = try TemporaryFile(Self.secret)
            let permissions = ["read", "send", "manage"].flatMap { ["--permission", $0] }
            let headers = ["authorization": "Bearer \(try await TestToken.mint(key, user: "operator", permissions))"]
            let identities = try await Self.identities(key)
            let options = Self.options + ["--jwt-key", key.path]
            try await Cluster.run(options: options, headers: headers) { cluster in
                let balancer = try await ProxyServer.start(nodes: cluster.nodes.map(\.process.port))
                let restart = RollingRestart(cluster: cluster, balancer: balancer, options: options)
                let members = try await RollingRestart.join(Self.clients, as: identities, port: balancer.port)
                try await cluster.waitForConnections(Self.clients)

                let traffic = RollingRestart.Traffic()
                let audiences: [BroadcastCaller.Audience] = [
                    .everyone, .user("user-3"), .group("group-1"), .user("user-7"), .group("group-4"),
                ]
                let callers = (0..<2).map {
                    BroadcastCaller(number: $0, port: balancer.port, audiences: audiences, headers: headers)
                }
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    for member in members { tasks.addTask { await member.stay(port: balancer.port, while: { !traffic.isOver }) } }
                    for caller in callers { tasks.addTask { await caller.run(while: { !traffic.isOver }) } }
                    tasks.addTask { await RollingRestart.talk(members.prefix(5), while: { !traffic.isOver }) }
                    let result: Result<Void, any Error>
                    do { result = .success(try await restart.all()) } catch { result = .failure(error) }
                    try await Task.sleep(for: .seconds(1))
                    traffic.end()
                    for member in members { await member.leave() }
                    try await tasks.waitForAll()
                    try result.get()
                }

                // What REST callers saw.
                let failures = callers.flatMap(\.failures)
                #expect(failures.isEmpty, "\(failures.prefix(5))\n\(balancer.output)")
                let broadcasts = callers.flatMap(\.broadcasts)
                #expect(broadcasts.count > 20)
                // What clients saw.
                let visits = members.flatMap(\.visits)
                let problems = members.flatMap(\.problems)
                #expect(problems.isEmpty, "\(problems.prefix(5))\n\(balancer.output)")
                let closes = visits.compactMap(\.closeCode)
                #expect(closes.allSatisfy { $0 == 1012 }, "\(Set(closes))")
                // Whoever was on a node when it went came back once: a visit more for each close, and nobody was closed more often than
                // there were nodes to go.
                for member in members {
                    #expect(member.visits.count == member.visits.count { $0.closeCode != nil } + 1)
                    #expect(member.visits.count <= 4)
                }
                #expect(closes.count >= Self.clients)
                for audience in audiences { #expect(broadcasts.contains { $0.audience == audience }) }
                let lost = broadcasts.flatMap { broadcast in
                    members.filter { $0.identity.isOf(broadcast.audience) }.flatMap(\.visits).filter { $0.misses(broadcast) }
                        .map { _ in "\(broadcast.text) to \(broadcast.audience)" }
                }
                #expect(lost.isEmpty, "\(lost.count) lost: \(Set(lost).sorted().prefix(5))")
                let strays = broadcasts.flatMap { broadcast in
                    members.filter { !$0.identity.isOf(broadcast.audience) }.flatMap(\.visits)
                        .filter { $0.messages[broadcast.text] != nil }.map { _ in "\(broadcast.text) to \(broadcast.audience)" }
                }
                #expect(strays.isEmpty, "\(strays.count) at others: \(Set(strays).sorted().prefix(5))")
                let twice = visits.filter(\.hasDuplicates)
                #expect(twice.isEmpty)
                // What the nodes had read of clients reached somebody on another node.
                let heard = visits.reduce(into: Set<String>()) { $0.formUnion($1.messages.keys) }
                let said = visits.reduce(into: Set<String>()) { $0.formUnion($1.echoes) }
                #expect(!said.isEmpty && said.subtracting(heard).isEmpty, "\(said.subtracting(heard).sorted().prefix(5))")
                print(
                    "RollingRestart: \(broadcasts.count) pushes, \(visits.reduce(0) { $0 + $1.messages.count }) deliveries,",
                    "\(said.count) client messages, \(closes.count) reconnections"
                )
            }
        }
    }
}

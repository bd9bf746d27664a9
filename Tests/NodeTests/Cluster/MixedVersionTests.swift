import Foundation
import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import VolaryNode

/// This build on one Redis with a node of the next version, see ``NextVersion``: with the next format's number, a field more in
/// everything that nodes write, and kinds of messages that this build does not know.
@Suite(.timeLimit(.minutes(3)))
struct MixedVersionTests {
    /// Two nodes, the second of the next version.
    private struct Pair {
        let this: APITestNode
        let next: APITestNode
        let tally: NIOLockedValueBox<NextVersion.Tally>

        var both: [APITestNode] { [self.this, self.next] }

        static func run(_ body: (Pair) async throws -> Void) async throws {
            let redis = try RedisServer.start()
            defer { redis.stop() }
            let tally = NIOLockedValueBox(NextVersion.Tally())
            let proxy = try await TCPProxy.start(to: redis.port) { NextVersion(tally) }
            let options: [ConfigurationOption: String] = [
                .accessKey: PubSubToken.key, .apiKey: PubSubNode.apiKey, .anonymousClients: "on",
                .clientMessages: "all",
            ]
            try await APITestNode.with(redis: [redis.url, proxy.url], options) { nodes in
                try await body(Pair(this: nodes[0], next: nodes[1], tally: tally))
            }
            await proxy.stop()
        }

        /// Publishes to a group by REST, without receipts.
        func send(_ text: String, to group: String = "g", by node: APITestNode? = nil) async throws {
            try await PubSubCaller(node: node ?? self.next).expect(202, "POST", "/groups/\(group)/:send", body: text)
        }

        /// A counter or gauge of the node of this build.
        func metric(_ name: String) async throws -> Int? {
            let lines = try await self.this.request("GET", "/metrics").body.split(separator: "\n")
            return lines.first { $0.hasPrefix("\(name) ") }?.split(separator: " ").last.flatMap { Int($0) }
        }

        func unreadableSessions() async throws -> Int? {
            try await self.metric(#"volary_sessions_lost_total{reason="unreadable"}"#)
        }

        func losses() async throws -> [Int?] {
            [
                try await self.metric("volary_relay_lost"), try await self.metric("volary_relay_gaps"),
                try await self.unreadableSessions(),
            ]
        }
    }

    @Test func `Publications, commands, presence and sessions: nothing is lost between the versions`() async throws {
        try await Pair.run { pair in
            let (this, next) = (pair.this, pair.next)
            let plain = [try await this.open(), try await next.open()]
            let answer = try await next.request("POST", "/api/connections/broadcast", #"{"message":"push"}"#)
            #expect(
                answer.json["recipients"] as? Int == 2 && (answer.json["missing"] as? [Any])?.isEmpty == true,
                "\(answer.body)"
            )
            plain[1].write(ClientFrame.text("hello"))
            for client in plain {
                #expect(await eventually { client.messages("server-broadcast") == ["push"] && client.messages() == ["hello"] })
            }

            // Sessions of both, and then each on the other node.
            let groups = ["webpubsub.group": ["g"]]
            let clients = [try await ReliableClient.connect(this, groups), try await ReliableClient.connect(next, groups)]
            for number in 1...20 { try await pair.send("\(number)", by: pair.both[number % 2]) }
            for client in clients {
                #expect(try await client.texts(20) == (1...20).map { "\($0)" })
                try await client.acknowledge()
            }
            for client in clients { await client.cut() }
            for number in 21...25 { try await pair.send("\(number)") }
            try await clients[0].resumeWhenPossible(on: next)
            try await clients[1].resumeWhenPossible(on: this)
            for client in clients { #expect(try await client.texts(25) == (1...25).map { "\($0)" }) }

            // Changes of a session, by its owner and by REST.
            try await PubSubCaller(node: next).expect(200, "PUT", "/groups/h/connections/\(clients[1].id)")
            try await clients[1].sendToGroup("h", "26", ackID: 1)
            #expect(try await clients[1].ack(1) == "success")
            try await clients[0].join("k", ackID: 2)
            try await pair.send("27", to: "k", by: this)
            #expect(try await clients[1].texts(26).last == "26")
            #expect(try await clients[0].texts(26).last == "27")
            try await PubSubCaller(node: next).expect(204, "DELETE", "/groups/h/connections/\(clients[1].id)")
            try await pair.send("28", to: "h")
            try await pair.send("29")
            for client in clients { #expect(try await client.texts(27).last == "29") }

            // Commands for a connection without a session.
            let (member, id) = try await PubSubClient.open(this, user: "ann")
            let api = PubSubCaller(node: next)
            try await api.expect(200, "PUT", "/permissions/sendToGroup/connections/\(id)")
            try await api.expect(200, "PUT", "/users/ann/groups/m")
            try await member.send(#"{"type":"sendToGroup","group":"m","data":1,"ackId":1}"#)
            var texts = [try await member.next(), try await member.next()]
            texts.removeAll { $0 == PubSubClient.ack(1) }
            #expect(texts.count == 1 && texts[0].contains(#""group":"m""#), "\(texts)")

            // Presence.
            for node in pair.both {
                let isListed = try await eventually {
                    let list = try await node.request("GET", "/api/connections?hub=chat").json
                    let items = list["connections"] as? [[String: Any]] ?? []
                    let ann = items.first { $0["user"] as? String == "ann" }
                    return list["complete"] as? Bool == true && items.count == 3 && ann?["groups"] as? [String] == ["m"]
                        && items.first { $0["id"] as? String == clients[0].id }?["node"] as? String == "node-2"
                }
                #expect(isListed)
            }
            try await api.expect(204, "DELETE", "/connections/\(id)")
            await member.socket.waitForEnd()
            for client in clients { #expect(await client.violations.isEmpty) }
            #expect(try await pair.losses() == [0, 0, 0])
            let tally = pair.tally.withLockedValue { $0 }
            #expect(tally.envelopes > 0 && tally.changes > 0 && tally.records > 0 && tally.unknown == 0)
            #expect(tally.scripts == Set(NextVersion.scripts.keys))
        }
    }

    @Test func `Messages of an unknown kind are told as lost, and counted; sessions pass over those for nodes only`() async throws
    {
        try await Pair.run { pair in
            let plain = try await pair.this.open()
            let ofDefaultHub = PubSubCaller(node: pair.next, hub: "default")
            for text in [NextVersion.unknownKind, "after"] {
                try await ofDefaultHub.expect(202, "POST", "/:send", body: text)
            }
            #expect(await eventually { plain.messages("server-broadcast") == ["after"] })
            #expect(await eventually { plain.messages("system").last == "1 message was lost." })
            #expect(try await pair.losses() == [1, 0, 0])

            let groups = ["webpubsub.group": ["g"]]
            let (member, other) = (
                try await ReliableClient.connect(pair.this, groups), try await ReliableClient.connect(pair.this)
            )
            let away = try await ReliableClient.connect(pair.this, groups)
            for text in [NextVersion.unknownNote, "1"] { try await pair.send(text) }
            for client in [member, away] { #expect(try await client.texts(1) == ["1"]) }
            await away.cut()
            try await pair.this.waits(for: "detached", of: away.id)
            // Live, and read from the log.
            try await pair.send(NextVersion.unknownKind)
            await member.readToEnd()
            #expect(await member.closed() == 1008)
            try await away.resume(on: pair.this)
            await away.readToEnd()
            #expect(await away.closed() == 1008)
            #expect(try await pair.unreadableSessions() == 2)

            // A change of a session, whose other topics had nothing unknown.
            try await PubSubCaller(node: pair.next).expect(202, "POST", "/:send", body: "2")
            #expect(try await other.texts(1) == ["2"])
            let group = NextVersion.unknownKind.replacing(" ", with: "%20")
            try await PubSubCaller(node: pair.next).expect(200, "PUT", "/groups/\(group)/connections/\(other.id)")
            await other.readToEnd()
            #expect(await other.closed() == 1008)
            #expect(try await pair.unreadableSessions() == 3)
            for client in [member, away, other] { #expect(await client.violations.isEmpty) }
            #expect(pair.tally.withLockedValue { $0.unknown } == 4)
        }
    }
}

import Foundation
import NIOConcurrencyHelpers
import NIOHTTP1
import NIOPosix
import TestSupport
import Testing
import VolaryBackplane

@testable import VolaryNode
@testable import VolaryProtocol

/// Clients of SignalR, and what else a node does with connections.
@Suite(.serialized)
struct SignalRNodeTests {
    private static let negotiate = "/hubs/reference/negotiate?negotiateVersion=1"

    @Test func `A client negotiates and connects over HTTP/2`() async throws {
        try await APITestNode.with(1, [.http2: "on"], makeHubs: SignalRHub.served) { nodes in
            let client = try await HTTP2TestClient.connect(port: nodes[0].port)
            let answer = try await client.request("POST", Self.negotiate)
            #expect(answer.status == 200)
            let json = try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any]
            let token = try #require(json?["connectionToken"] as? String)
            let path = "/hubs/reference?id=\(token)"
            let socket = try await client.webSocket(path)
            try await socket.send(
                ClientFrame.text("{\"protocol\":\"json\",\"version\":1}\u{1E}")
                    + ClientFrame.text("{\"type\":1,\"target\":\"Echo\",\"arguments\":[1],\"invocationId\":\"1\"}\u{1E}")
            )
            #expect(
                await socket.frames(2) == [
                    .text("{}\u{1E}"), .text("{\"type\":3,\"invocationId\":\"1\",\"result\":1}\u{1E}"),
                ]
            )
            let second = try await client.connect(path)
            #expect(await eventually { second.problem == "connection-in-use" })
            #expect(second.status == 409)
            await client.close()
        }
    }

    @Test func `A hub with its quota of connections refuses a client, which may negotiate and connect later`() async throws {
        try await APITestNode.with(1, [.hubConnections: "1"], makeHubs: SignalRHub.served) { nodes in
            let (first, _) = try await SignalRClient.connect(nodes[0])
            do {
                _ = try await SignalRClient.connect(nodes[0])
                Issue.record("a second client has connected")
            } catch {
                #expect("\(error)".contains("HTTP/1.1 429 "))
            }
            try first.send(#"{"type":7}"#)
            #expect(await eventually { first.socket.isClosed })
            #expect(
                await eventually {
                    guard let (client, _) = try? await SignalRClient.connect(nodes[0]) else { return false }
                    return !client.socket.isClosed
                }
            )
        }
    }

    @Test func `A client connects also when the store of ids fails`() async throws {
        let store = NIOLockedValueBox<FlakyStore?>(nil)
        @Sendable func make(_ shared: MemoryPresence) -> any PresenceStore {
            let flaky = FlakyStore(shared: shared)
            store.withLockedValue { $0 = flaky }
            return flaky
        }
        try await APITestNode.with(1, makeHubs: SignalRHub.served, makeStore: make) { nodes in
            try #require(store.withLockedValue { $0 }).fail(true)
            let (client, id) = try await SignalRClient.connect(nodes[0])
            try client.send(#"{"type":1,"target":"Id","arguments":[],"invocationId":"1"}"#)
            await client.expect(.result("1", "\"\(id)\""))
            store.withLockedValue { $0 }?.fail(false)
        }
    }

    @Test func `A client is admitted with its id when the store of ids does not answer in time`() async throws {
        let isAsked = NIOLockedValueBox(false)
        var admission = WebSocketAdmission(
            access: WebSocketAuthenticator(origins: nil, tokens: nil, acceptsAnonymous: false),
            pubSub: .closed
        ) { TopicReservation($0, isHeld: false) { _ in } }
        admission.take = { _, _ in
            isAsked.withLockedValue { $0 = true }
            try? await Task.sleep(for: .seconds(3600))
            return .connectionInUse
        }
        let hung = admission
        let spoken = SpokenProtocol(SignalRProtocol(maximumRecordBytes: 1024))
        let endpoint = Endpoint(
            path: "/hubs/h",
            hub: .always("h"),
            joinsCluster: true,
            standard: spoken,
            subprotocols: [],
            chosen: [.json: spoken],
            application: Echo(now: { 0 })
        )
        let token = SignalRToken(version: 1, now: UTCClock.now() / 1000)
        let task = Task {
            try await hung.admit(
                HTTPRequestHead(version: .http1_1, method: .GET, uri: "/hubs/h?id=\(token.text)"),
                WebSocketHandshake.Client(endpoint: endpoint, hub: "h", spoken: spoken),
                on: MultiThreadedEventLoopGroup.singleton.next()
            )
        }
        #expect(await eventually { isAsked.withLockedValue { $0 } })
        task.cancel()
        #expect(try await task.value.client.id == token.id)
    }
}

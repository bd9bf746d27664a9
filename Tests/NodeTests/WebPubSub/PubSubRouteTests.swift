import Foundation
import NIOConcurrencyHelpers
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Paths of the operator's own that lead clients to a hub.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct PubSubRouteTests {
    // MARK: - Paths

    @Test(arguments: ["/d", "/devices/{user}", "/d/{user}/v1.0", "/a-._~!$&'()*+,;=:@/b", "/Client/x", "/wss/x"])
    func `A path of a route`(text: String) { #expect(RoutePath(text)?.text == text) }

    @Test(
        arguments: [
            "", "/", "d", "/d/", "//d", "/d//e", "/{user}", "/d/{user}/{user}", "/d/{hub}", "/d/x{user}", "/d/%41", "/d?x",
            "/d#x", "/ü",
            "/d e", "/./d", "/d/..", "/api/d", "/client", "/client/hubs/x", "/ws", "/ws/d", "/echo/d", "/events/d", "/swagger/d",
            "/livez/d", "/metrics/d", "/" + String(repeating: "a", count: 256),
        ]
    )
    func `No path of a route`(text: String) { #expect(RoutePath(text) == nil) }

    @Test(
        arguments: [
            ("/d/ann", true, "ann"), ("/d/a%2Fb?x=/y", true, "a%2Fb"), ("/d/", true, ""), ("/d", false, nil),
            ("/d/a/", false, nil),
            ("/D/a", false, nil), ("//d/a", false, nil), ("/%64/a", false, nil), ("", false, nil), ("?/d/a", false, nil),
        ] as [(String, Bool, Substring?)]
    )
    func `A path is compared byte for byte, but for its user`(target: String, isMatch: Bool, user: Substring?) throws {
        let match = try #require(RoutePath("/d/{user}")).match(target: target)
        #expect(match.isMatch == isMatch && match.user == user)
    }

    // MARK: - Clients

    /// A node with the hub `devices`, its handler, and these routes, in JSON.
    private static func with(
        _ routes: String,
        hub: String = #""anonymous-clients":true,"#,
        _ answer: @escaping @Sendable (HandlerServer.Request) async -> HandlerServer.Answer = { _ in .init() },
        _ body: (APITestNode, HandlerServer) async throws -> Void
    ) async throws {
        let handler = try await HandlerServer.start { request in
            request.method == "POST" ? await answer(request) : .permission
        }
        let handlers = #"[{"url":"\#(handler.url)","user-events":"*","system-events":["connect","connected","disconnected"]}]"#
        let file = try TemporaryFile(#"{"hubs":{"devices":{\#(hub)"routes":\#(routes),"handlers":\#(handlers)}}}"#)
        try await PubSubNode.with([.hubs: file.path]) { try await body($0, handler) }
        await handler.stop()
    }

    @Test func `A device with a fixed URL and a binary protocol of its own talks to a backend`() async throws {
        try await Self.with(#"[{"path":"/devices/{user}/v1","subprotocols":["meter.v1"]}]"#) { request in
            request.event == "message" ? .init(200, [("Content-Type", "application/octet-stream")], "\u{2}pong") : .init()
        } _: { node, handler in
            let device = try await WebSocketTestClient.connect(
                port: node.port,
                path: "/devices/no%2042/v1",
                options: .init(subprotocols: ["other", "METER.v1"])
            )
            #expect(device.subprotocol == "METER.v1")
            let opened = try #require(await handler.event("connected"))
            #expect(handler.events.first?["ce-userId"] == "no 42" && handler.events.first?.event == "connect")
            #expect(opened["ce-hub"] == "devices" && opened["ce-userId"] == "no 42" && opened["ce-subprotocol"] == "METER.v1")
            try await device.send([1, 0, 255])
            let message = try #require(await handler.event("message"))
            #expect(message["content-type"] == "application/octet-stream" && message.body == [1, 0, 255])
            #expect(try await device.next() == .binary(Array("\u{2}pong".utf8)))
            let backend = PubSubCaller(node: node, hub: "devices")
            let type = "application/octet-stream"
            try await backend.expect(202, "POST", "/users/no%2042/:send", body: "\u{3}octets", type: type)
            #expect(try await device.next() == .binary(Array("\u{3}octets".utf8)))
            let id = try #require(opened["ce-connectionId"])
            try await backend.expect(202, "POST", "/connections/\(id)/:send", body: "\u{4}", type: type)
            #expect(try await device.next() == .binary([4]))
            let list = try await node.request("GET", "/api/connections?hub=devices&user=no%2042")
            #expect((list.json["connections"] as? [[String: Any]])?.first?["id"] as? String == id)
            try await device.close()
            #expect(await handler.event("disconnected")?["ce-userId"] == "no 42")
        }
    }

    @Test func `A route may speak JSON, also without a subprotocol, and the protocols of Web PubSub that it names`() async throws
    {
        let names = #"["\#(PubSubClient.json)","Json.Reliable.WebPubSub.azure.v1"]"#
        try await Self.with(
            #"[{"path":"/d","protocol":"json.webpubsub.azure.v1","subprotocols":["x"]},{"path":"/r","subprotocols":\#(names)}]"#
        ) { node, _ in
            for (path, offered, chosen) in [
                ("/d", [], nil), ("/d", ["y", "x"], "x"), ("/d", [PubSubClient.json], nil),
                ("/r", [PubSubClient.json], PubSubClient.json),
                ("/r", ["json.reliable.webpubsub.azure.v1"], "json.reliable.webpubsub.azure.v1"),
            ] as [(String, [String], String?)] {
                let socket = try await WebSocketTestClient.connect(
                    port: node.port,
                    path: path,
                    options: .init(subprotocols: offered)
                )
                #expect(socket.subprotocol == chosen, "\(path) \(offered)")
                _ = try await PubSubClient(socket: socket).connected()
            }
        }
    }

    @Test func `A path's user is no proof where clients need tokens, and must not be another one than the token's`() async throws
    {
        try await Self.with(#"[{"path":"/devices/{user}"}]"#, hub: "") { node, handler in
            let host = "127.0.0.1:\(node.port)"
            let tokens = [
                try PubSubToken.make("devices", host: host, ["sub": "ann"]), try PubSubToken.make("devices", host: host),
                try PubSubToken.make("chat", host: host),
            ]
            for (target, token, status) in [
                ("/devices/ann", nil, 401), ("/devices/ann", tokens[0], 101), ("/devices/bob", tokens[0], 401),
                ("/devices/bob", tokens[1], 101), ("/devices/ann", tokens[2], 401), ("/devices/", tokens[0], 400),
                ("/devices/%ff", tokens[0], 400), ("/devices/ann/", tokens[0], 404), ("/devices", tokens[0], 404),
            ] {
                let fields = token.map { "Authorization: Bearer \($0)\r\n" } ?? ""
                let request = HandshakeRequest.text(target, fields, host: host)
                let (text, _) = try await node.answer(to: Array(request.utf8)) { $0.contains("\r\n\r\n") }
                #expect(text.hasPrefix("HTTP/1.1 \(status) "), "\(target): \(text)")
            }
            #expect(await eventually { handler.events.count { $0.event == "connected" } == 2 })
            #expect(Set(handler.events.map { $0["ce-userId"] }) == ["ann", "bob"])
        }
    }

    @Test func `A client resumes its connection on the path of a route`() async throws {
        try await Self.with(#"[{"path":"/r/{user}","subprotocols":["json.reliable.webpubsub.azure.v1"]}]"#) { node, _ in
            func client(_ query: String = "") async throws -> WebSocketTestClient {
                try await WebSocketTestClient.connect(
                    port: node.port,
                    path: "/r/ann\(query)",
                    options: .init(subprotocols: ["json.reliable.webpubsub.azure.v1"])
                )
            }
            let first = PubSubClient(socket: try await client())
            let text = try await first.next()
            let members = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: String])
            let (id, token) = (try #require(members["connectionId"]), try #require(members["reconnectionToken"]))
            await first.socket.disconnect()
            let second = PubSubClient(
                socket: try await client("?awps_connection_id=\(id)&awps_reconnection_token=\(token)")
            )
            let backend = PubSubCaller(node: node, hub: "devices")
            try await backend.expect(202, "POST", "/users/ann/:send", body: "x")
            let start = #"{"type":"message","from":"server","dataType":"text","data":"x","sequenceId":"#
            #expect(try await second.next().hasPrefix(start))
        }
    }

    // MARK: - Reload

    @Test func `Routes follow the file when it is read again, and stay when it is not valid`() throws {
        let file = try TemporaryFile(#"{"hubs":{"a":{"routes":[{"path":"/one"}]}}}"#)
        let events = try #require(
            try ConfigurationLoader(flags: [.accessKey: PubSubToken.key, .hubs: file.path], environment: [:], file: nil).load()
                .events
        )
        let recorder = LogRecorder()
        let routes = PubSubRoutes(events, ClosureApplication(), PubSubProtocols(reliable: nil))
        #expect(routes.endpoints.map(\.path) == ["/one"])
        try file.write(#"{"hubs":{"b":{"routes":[{"path":"/two/{user}"}]}}}"#)
        #expect(events.file?.reload(logger: recorder.logger) == true)
        #expect(routes.endpoints.map { $0.match(target: "/two/x") } == [.hub("b")])
        try file.write(#"{"hubs":{"b":{"routes":[{"path":"/ws"}]}}}"#)
        #expect(events.file?.reload(logger: recorder.logger) == false)
        #expect(routes.endpoints.map(\.path) == ["/two/{user}"])
        try file.write(#"{"hubs":{}}"#)
        #expect(events.file?.reload(logger: recorder.logger) == true && routes.endpoints.isEmpty)
    }
}

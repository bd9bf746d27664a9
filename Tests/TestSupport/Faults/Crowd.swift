import Foundation

/// Clients that nobody wishes for, beside the usual traffic: floods, coming and going in masses, slow readers. What they say is not recorded.
struct Crowd {
    /// Starts everything that they say to others.
    static let word = "crowd"
    /// For `/ws?user=`.
    static let options = ["--insecure-user-query"]

    /// New users that come to each node in a second, each for a moment.
    private static let joinersPerSecond = 20
    /// Clients a second of each node that say more than may be unfinished and end the connection with the last of it. All of it goes to everybody,
    /// also to the recording clients of this process: more would measure those.
    private static let leaversPerSecond = 1
    private static let leaversTexts = 150

    /// - Throws: ``FaultError`` when the crowd was not what it should be.
    static func visit(_ nodes: [FaultNode], for time: Duration) async throws {
        let members = TaskBag()
        var floods: [FloodClient] = []
        var slow: [RawTestClient] = []
        for node in nodes {
            for kind in [FloodClient.Kind.pings, .texts, .fragments] { floods.append(try await .start(kind, port: node.port)) }
            for path in ["/ws", "/echo"] { slow.append(try await Self.slowReader(path, on: node)) }
            members.add { await Self.repeatedly(Self.joinersPerSecond) { number in try await Self.join(number, on: node) } }
            members.add { await Self.repeatedly(Self.leaversPerSecond) { _ in try await Self.leave(node) } }
        }
        try await Task.sleep(for: time)
        let (sent, ended) = (floods.map(\.bytes), floods.count(where: \.isEnded))
        await members.end()
        for flood in floods { await flood.end() }
        let wentOn = ended == 0 && sent.allSatisfy { $0 > 64 << 10 }
        try Fault.prove("each flood went on, and sent more than 64 KiB: \(sent)", wentOn)
        withExtendedLifetime(slow) {}
    }

    private static func repeatedly(_ times: Int, _ body: @escaping @Sendable (Int) async throws -> Void) async {
        await withDiscardingTaskGroup { group in
            var number = 0
            while !Task.isCancelled {
                number += 1
                group.addTask { [number] in try? await body(number) }
                try? await Task.sleep(for: .seconds(1) / times)
            }
        }
    }

    /// With a user: the node subscribes to a topic of its own for it.
    private static func join(_ number: Int, on node: FaultNode) async throws {
        let client = try await WebSocketTestClient.connect(port: node.port, path: "/ws?user=\(Self.word)-\(node.name)-\(number)")
        try await Task.sleep(for: .milliseconds(200))
        await client.disconnect()
    }

    private static func leave(_ node: FaultNode) async throws {
        let client = try await Self.open("/ws", on: node)
        let frame = [0x81, 0x80 | UInt8(Self.word.utf8.count), 0, 0, 0, 0] + Array(Self.word.utf8)
        try await client.send(bytes: Array(repeating: frame, count: Self.leaversTexts).flatMap(\.self))
        try await client.endOutput()
        _ = await eventually(within: .seconds(10)) { client.isEnded }
    }

    /// Has more sent to it than it takes.
    static func slowReader(_ path: String, on node: FaultNode) async throws -> RawTestClient {
        let client = try await Self.open(path, on: node)
        try await client.stopReading()
        guard path == "/echo" else { return client }
        let size = 1 << 19
        let header: [UInt8] = [0x82, 0xFF, 0, 0, 0, 0, 0, UInt8(size >> 16), 0, 0, 0, 0, 0, 0]
        let message = header + Array(repeating: 7, count: size)
        for _ in 0..<16 { Task { try? await client.send(bytes: message) } }
        return client
    }

    private static func open(_ path: String, on node: FaultNode) async throws -> RawTestClient {
        let client = try await RawTestClient.connect(port: node.port)
        try await client.send(bytes: HandshakeRequest.bytes(path: path))
        guard await eventually(within: .seconds(10), { client.received.contains("\r\n\r\n") }) else {
            throw FaultError("no handshake on \(path) of node \(node.name): \(client.received)")
        }
        return client
    }
}

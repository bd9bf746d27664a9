import Foundation

/// Misbehaving clients, in addition to the normal traffic: floods, many connects and disconnects, slow readers. Their messages
/// are not recorded.
struct Crowd {
    /// The beginning of their messages and user names.
    static let word = "crowd"
    /// Needed for `/ws?user=`.
    static let options = ["--insecure-user-query"]

    /// New users that connect to each node in a second, each for a moment.
    private static let joinersPerSecond = 20
    /// Clients per second and node that send more messages than may be pending, and half-close the connection with the last one.
    /// All messages go to all clients, including the recording ones in this process: a higher rate would measure those instead.
    private static let leaversPerSecond = 1
    private static let leaversTexts = 150

    /// - Throws: ``FaultError`` when the crowd did not behave as intended.
    static func run(_ nodes: [FaultNode], for time: Duration) async throws {
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
        try Fault.prove("a flood ended, or sent less than 64 KiB: \(sent)", wentOn)
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

    /// With a user, for which the node subscribes to another topic.
    private static func join(_ number: Int, on node: FaultNode) async throws {
        let client = try await WebSocketTestClient.connect(port: node.port, path: "/ws?user=\(Self.word)-\(node.name)-\(number)")
        try await Task.sleep(for: .milliseconds(200))
        await client.disconnect()
    }

    private static func leave(_ node: FaultNode) async throws {
        // With a token, where a node takes messages with one only.
        let client = try await Self.open("/ws", on: node, fields: node.headers.map { "\($0): \($1)" })
        let frame = [0x81, 0x80 | UInt8(Self.word.utf8.count), 0, 0, 0, 0] + Array(Self.word.utf8)
        try await client.send(bytes: Array(repeating: frame, count: Self.leaversTexts).flatMap(\.self))
        try await client.endOutput()
        _ = await eventually(within: .seconds(10)) { client.isEnded }
    }

    /// A client that is sent more than it reads.
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

    private static func open(_ path: String, on node: FaultNode, fields: [String] = []) async throws -> RawTestClient {
        let client = try await RawTestClient.connect(port: node.port)
        try await client.send(bytes: HandshakeRequest.bytes(path: path, fields: fields))
        guard await eventually(within: .seconds(10), { client.received.contains("\r\n\r\n") }) else {
            throw FaultError("no handshake on \(path) of node \(node.name): \(client.received)")
        }
        return client
    }
}

import NIOConcurrencyHelpers

/// Sixteen clients of one kind that nobody wishes for, spread over the nodes of a cluster; beside the usual traffic. None but the callers of
/// REST has a token, so what they send goes to nobody.
enum BadTraffic {
    static let clients = 16
    /// Of the nodes.
    static let options = ["--compression", "--insecure-user-query"]

    /// A flood of each kind, where each costs most.
    static let floods: [(kind: FloodClient.Kind, path: String)] = [
        (.pings, "/ws"), (.texts, "/echo"), (.texts, "/ws"), (.fragments, "/echo"), (.compressed, "/echo"),
    ]
    /// More than the 1 MiB that a node keeps of a client that has ended its half.
    private static let blocksBeforeEnd = 24
    /// Of a client that comes again and again.
    private static let pause = Duration.milliseconds(100)

    /// Each client floods without an end.
    static func flood(_ kinds: [(kind: FloodClient.Kind, path: String)], _ nodes: [FaultNode], for time: Duration) async throws {
        var floods: [FloodClient] = []
        for number in 0..<Self.clients {
            let (kind, path) = kinds[number % kinds.count]
            floods.append(try await .start(kind, port: nodes[number % nodes.count].port, path: path))
        }
        try await Task.sleep(for: time)
        let (sent, ended) = (floods.map(\.bytes), floods.count(where: \.isEnded))
        for flood in floods { await flood.end() }
        try Fault.prove("each flood went on, and sent more than 64 KiB: \(sent)", ended == 0 && sent.allSatisfy { $0 > 64 << 10 })
    }

    /// Each client floods, ends its half of the connection, waits for the node's end, and comes again.
    static func floodAndEndHalf(_ nodes: [FaultNode], for time: Duration) async throws {
        try await Self.repeatedly(nodes, for: time) { number, node in
            let (kind, path) = Self.floods[number % Self.floods.count]
            let flood = try await FloodClient.start(kind, port: node.port, path: path, blocks: Self.blocksBeforeEnd)
            return await eventually(within: .seconds(30)) { flood.isEnded || Task.isCancelled } && flood.isEnded
        }
    }

    /// Each client connects and vanishes, at another point each time.
    static func vanish(_ nodes: [FaultNode], for time: Duration) async throws {
        try await Self.repeatedly(nodes, for: time) { number, node in
            let client = try await RawTestClient.connect(port: node.port)
            let handshake = HandshakeRequest.bytes(path: "/ws?user=bad-\(number)")
            switch number % 4 {
            case 0: return true
            case 1: try await client.send(bytes: Array(handshake.prefix(handshake.count / 2)))
            case 2: try await client.send(bytes: handshake)
            default:
                try await client.send(bytes: handshake)
                guard await Self.isAnswered(client, "HTTP/1.1 101") else { return false }
                try await client.send(bytes: ClientFrame.text("half of a message", isFinal: false))
            }
            return true
        }
    }

    /// Clients that take nothing of what is sent to them.
    static func readNothing(_ nodes: [FaultNode], for time: Duration) async throws {
        var slow: [RawTestClient] = []
        for number in 0..<Self.clients {
            slow.append(try await Crowd.slowReader(number % 2 == 0 ? "/ws" : "/echo", on: nodes[number % nodes.count]))
        }
        try await Task.sleep(for: time)
        withExtendedLifetime(slow) {}
    }

    /// Handshakes that must be refused, and how.
    static func beRefused(_ nodes: [FaultNode], for time: Duration) async throws {
        let refusals: [(bytes: [UInt8], answer: String)] = [
            (HandshakeRequest.bytes(fields: ["Authorization: Bearer none"]), "HTTP/1.1 401"),
            (HandshakeRequest.bytes(fields: ["Origin: https://example.org"]), "HTTP/1.1 403"),
            (HandshakeRequest.bytes(path: "/nowhere"), "HTTP/1.1 404"),
        ]
        try await Self.repeatedly(nodes, for: time) { number, node in
            let refusal = refusals[number % refusals.count]
            let client = try await RawTestClient.connect(port: node.port)
            try await client.send(bytes: refusal.bytes)
            return await Self.isAnswered(client, refusal.answer)
        }
    }

    /// Bytes that are no HTTP, and frames that are none: the node must end the connection.
    static func breakRules(_ nodes: [FaultNode], for time: Duration) async throws {
        let requests = [
            [0x16, 0x03, 0x01, 0x02, 0x00, 0x01] + [UInt8](repeating: 0, count: 200),
            Array("POST /api/nodes HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx".utf8),
            Array("GET / HTTP/1.1\r\nHost: test\r\nX: ".utf8) + [UInt8](repeating: 0x78, count: 1 << 18),
        ]
        let frames = [
            ClientFrame(opcode: 3).bytes, ClientFrame(reserved: 7, opcode: 1).bytes, ClientFrame(opcode: 1, key: nil).bytes,
            ClientFrame.text([0xC3, 0x28]), ClientFrame(opcode: 2, claimedLength: 1 << 62).bytes, ClientFrame.close(999),
        ]
        try await Self.repeatedly(nodes, for: time) { number, node in
            let client = try await RawTestClient.connect(port: node.port)
            if number % 2 == 0 {
                try await client.send(bytes: requests[number / 2 % requests.count])
            } else {
                try await client.send(bytes: HandshakeRequest.bytes())
                guard await Self.isAnswered(client, "HTTP/1.1 101") else { return false }
                try await client.send(bytes: frames[number / 2 % frames.count])
            }
            return await eventually(within: .seconds(10)) { client.isEnded }
        }
    }

    /// Pushes to groups in which nobody is, each caller as fast as it is answered.
    static func pushToNobody(_ nodes: [FaultNode], for time: Duration) async throws {
        try await Self.repeatedly(nodes, for: time, pause: .zero) { number, node in
            let target = "/api/groups/nobody-\(number % 200)/send"
            return try await node.request("POST", target, body: #"{"message":"Is anybody there?"}"#).status == 200
        }
    }

    // MARK: -

    private static func isAnswered(_ client: RawTestClient, _ answer: String) async -> Bool {
        await eventually(within: .seconds(10)) { client.received.hasPrefix(answer) }
    }

    /// Each client does the same again and again, on its node.
    /// - Parameter body: given a number that rises with each time; returns whether all went as it should.
    private static func repeatedly(
        _ nodes: [FaultNode],
        for time: Duration,
        pause: Duration = Self.pause,
        _ body: @escaping @Sendable (Int, FaultNode) async throws -> Bool
    ) async throws {
        let counts = NIOLockedValueBox((done: [Int](repeating: 0, count: Self.clients), failed: 0))
        let bag = TaskBag()
        for client in 0..<Self.clients {
            let node = nodes[client % nodes.count]
            bag.add {
                var number = client
                while !Task.isCancelled {
                    let isDone = (try? await body(number, node)) == true
                    let isOver = Task.isCancelled
                    counts.withLockedValue { counts in
                        if isDone { counts.done[client] += 1 } else if !isOver { counts.failed += 1 }
                    }
                    number += 1
                    if pause > .zero { try? await Task.sleep(for: pause) }
                }
            }
        }
        try await Task.sleep(for: time)
        await bag.end()
        let (done, failed) = counts.withLockedValue { $0 }
        let isProven = failed == 0 && done.allSatisfy { $0 > 0 }
        try Fault.prove("each client did what it was to: \(done) times, \(failed) failures", isProven)
    }
}

import NIOConcurrencyHelpers

/// Sixteen misbehaving clients of one kind, spread over the nodes of a cluster, in addition to the normal traffic. Only the REST
/// callers have a token, so the messages of the others reach nobody.
enum BadTraffic {
    static let clients = 16
    /// Options of the nodes.
    static let options = ["--compression", "--insecure-user-query"]

    /// Each kind of flood, on the path where it costs most.
    static let floods: [(kind: FloodClient.Kind, path: String)] = [
        (.pings, "/ws"), (.texts, "/echo"), (.texts, "/ws"), (.fragments, "/echo"), (.compressed, "/echo"),
    ]
    /// More than the 1 MiB that a node keeps of a half-closed client.
    private static let blocksBeforeEnd = 24
    /// The pause of a client before it connects again.
    private static let pause = Duration.milliseconds(100)

    /// Each client floods continuously.
    static func flood(_ kinds: [(kind: FloodClient.Kind, path: String)], _ nodes: [FaultNode], for time: Duration) async throws {
        var floods: [FloodClient] = []
        for number in 0..<Self.clients {
            let (kind, path) = kinds[number % kinds.count]
            floods.append(try await .start(kind, port: nodes[number % nodes.count].port, path: path))
        }
        try await Task.sleep(for: time)
        let (sent, ended) = (floods.map(\.bytes), floods.count(where: \.isEnded))
        for flood in floods { await flood.end() }
        try Fault.prove("a flood ended, or sent less than 64 KiB: \(sent)", ended == 0 && sent.allSatisfy { $0 > 64 << 10 })
    }

    /// Each client floods, half-closes the connection, waits until the node closes it, and starts again.
    static func floodAndEndHalf(
        _ kinds: [(kind: FloodClient.Kind, path: String)],
        _ nodes: [FaultNode],
        for time: Duration
    ) async throws {
        try await Self.repeatedly(nodes, for: time) { number, node in
            let (kind, path) = kinds[number % kinds.count]
            let flood = try await FloodClient.start(kind, port: node.port, path: path, blocks: Self.blocksBeforeEnd)
            return await eventually(within: .seconds(30)) { flood.isEnded || Task.isCancelled } && flood.isEnded
        }
    }

    /// Each client connects and disconnects abruptly, at different points.
    static func disconnectAbruptly(_ nodes: [FaultNode], for time: Duration) async throws {
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

    /// Clients that do not read.
    static func readNothing(_ nodes: [FaultNode], for time: Duration) async throws {
        var slow: [RawTestClient] = []
        for number in 0..<Self.clients {
            slow.append(try await Crowd.slowReader(number % 2 == 0 ? "/ws" : "/echo", on: nodes[number % nodes.count]))
        }
        try await Task.sleep(for: time)
        withExtendedLifetime(slow) {}
    }

    /// Handshakes that must be refused, with the expected answers.
    static func sendRefusedHandshakes(_ nodes: [FaultNode], for time: Duration) async throws {
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

    /// Invalid HTTP and invalid frames: the node must close the connection.
    static func sendMalformedBytes(_ nodes: [FaultNode], for time: Duration) async throws {
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

    /// Pushes to groups without members. Each caller sends the next one after an answer.
    static func pushToEmptyGroups(_ nodes: [FaultNode], for time: Duration) async throws {
        try await Self.repeatedly(nodes, for: time, pause: .zero) { number, node in
            let target = "/api/groups/nobody-\(number % 200)/send"
            return try await node.request("POST", target, body: #"{"message":"Is anybody there?"}"#).status == 200
        }
    }

    // MARK: -

    private static func isAnswered(_ client: RawTestClient, _ answer: String) async -> Bool {
        await eventually(within: .seconds(10)) { client.received.hasPrefix(answer) }
    }

    /// Each client repeats the same action on its node.
    /// - Parameter body: gets a number that rises with each repetition; returns whether the result was as expected.
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
        try Fault.prove("a client failed or did nothing: \(done) repetitions, \(failed) failures", isProven)
    }
}

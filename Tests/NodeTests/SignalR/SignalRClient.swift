import Foundation
import NIOCore
import TestSupport
import Testing

@testable import VolaryNode
@testable import VolaryProtocol

/// A client of SignalR over a WebSocket, in one of the encodings. What it sends is written as JSON.
struct SignalRClient {
    let socket: TestClient
    let encoding: SignalREncoding

    /// Negotiates, connects and does the handshake.
    /// - Parameter other: the node to connect to, if it is another one.
    static func connect(
        _ node: APITestNode,
        to other: APITestNode? = nil,
        _ encoding: SignalREncoding = .json
    ) async throws -> (client: SignalRClient, id: String) {
        let answer = try await node.http.request("POST", "/hubs/reference/negotiate?negotiateVersion=1")
        let token = try #require(answer.json["connectionToken"] as? String)
        let socket = try await TestClient.open(port: (other ?? node).port, path: "/hubs/reference?id=\(token)")
        let client = SignalRClient(socket: socket, encoding: encoding)
        try await client.shakeHands()
        return (client, try #require(answer.json["connectionId"] as? String))
    }

    func shakeHands() async throws {
        self.write("{\"protocol\":\"\(self.encoding.rawValue)\",\"version\":1}\u{1E}")
        #expect(await eventually { self.socket.frames.contains(.text("{}\u{1E}")) })
    }

    func write(_ text: String) { self.socket.write(ClientFrame.text(text)) }

    /// Sends a record.
    /// - Parameter json: without separator.
    func send(_ json: String) throws {
        switch self.encoding {
        case .json: self.write(json + "\u{1E}")
        case .messagePack:
            let record = try #require(try SignalREncoding.json.record(ByteBuffer(string: json)))
            self.socket.write(ClientFrame.binary(Array(try record.repacked.messagePack.readableBytesView)))
        }
    }

    /// The records that came, with JSON for their values. Pings are left out.
    func records() -> [SignalRRecord] {
        self.socket.frames.compactMap { frame -> SignalRRecord? in
            switch frame {
            case .text(let text) where text != "{}\u{1E}":
                try? SignalREncoding.json.record(ByteBuffer(string: String(text.dropLast()))) ?? nil
            case .binary(let bytes):
                (try? SignalREncoding.messagePack.record(ByteBuffer(bytes: bytes.drop { $0 >= 0x80 }.dropFirst())) ?? nil)?
                    .unpacked
            default: nil
            }
        }.filter { $0 != .ping }
    }

    func expect(_ record: SignalRRecord, sourceLocation: SourceLocation = #_sourceLocation) async {
        let came = await eventually { self.records().contains(record) }
        #expect(came, "\(self.records())", sourceLocation: sourceLocation)
    }
}

extension SignalRRecord {
    static func message(_ from: String, _ text: String) -> SignalRRecord {
        .invocation(SignalRInvocation("message", [ByteBuffer(string: "\"\(from)\""), ByteBuffer(string: "\"\(text)\"")]))
    }

    static func result(_ id: UTF8Text, _ json: String) -> SignalRRecord { .completion(id: id, .result(ByteBuffer(string: json))) }

    static func item(_ id: UTF8Text, _ json: String) -> SignalRRecord { .streamItem(id: id, item: ByteBuffer(string: json)) }

    fileprivate var repacked: SignalRRecord {
        get throws { try self.map { try MessagePackJSON.messagePack(of: $0) } }
    }

    fileprivate var unpacked: SignalRRecord? { try? self.map { try MessagePackJSON.json(of: $0) } }

    private func map(_ value: (ByteBuffer) throws -> ByteBuffer) rethrows -> SignalRRecord {
        switch self {
        case .invocation(let call):
            .invocation(
                SignalRInvocation(
                    call.target,
                    try call.arguments.map(value),
                    id: call.id,
                    streamIDs: call.streamIDs,
                    isStream: call.isStream
                )
            )
        case .streamItem(let id, let item): .streamItem(id: id, item: try value(item))
        case .completion(let id, .result(let result)): .completion(id: id, .result(try value(result)))
        case .completion, .cancelInvocation, .ping, .close, .ack, .sequence: self
        }
    }
}

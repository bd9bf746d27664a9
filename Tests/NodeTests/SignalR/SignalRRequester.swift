import Foundation
import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import VolaryNode
@testable import VolaryProtocol

/// A client of SignalR that sends requests, each to the next node: behind a balancer that knows nothing of its connection.
struct SignalRRequester: Sendable {
    static let hub = "/hubs/reference"

    let nodes: [APITestNode]
    let id: String
    let token: String
    private let next = NIOLockedValueBox(0)

    static func negotiate(
        _ nodes: [APITestNode],
        version: Int = 1,
        headers: [String: String] = [:]
    ) async throws -> SignalRRequester {
        let path = "\(Self.hub)/negotiate?negotiateVersion=\(version)"
        let answer = try await nodes[0].http.request("POST", path, headers: headers)
        let id = try #require(answer.json["connectionId"] as? String)
        return SignalRRequester(nodes: nodes, id: id, token: answer.json["connectionToken"] as? String ?? id)
    }

    private init(nodes: [APITestNode], id: String, token: String) {
        self.nodes = nodes
        self.id = id
        self.token = token
    }

    var path: String { "\(Self.hub)?id=\(self.token)" }

    /// The node of the next request.
    func node() -> APITestNode {
        self.nodes[
            self.next.withLockedValue { next in
                next += 1
                return next % self.nodes.count
            }
        ]
    }

    func request(_ method: String, headers: [String: String] = [:], body: String? = nil) async throws -> HTTPTestResponse {
        try await self.node().http.request(method, self.path, headers: headers, body: body)
    }

    @discardableResult
    func post(_ records: String..., headers: [String: String] = [:]) async throws -> Int {
        let body = records.map { $0 + "\u{1E}" }.joined()
        return try await self.request("POST", headers: headers, body: body).status
    }

    func poll(headers: [String: String] = [:]) async throws -> HTTPTestResponse {
        try await self.request("GET", headers: headers)
    }

    /// Polls until these records have come, without pings.
    func records(_ count: Int) async throws -> [String] {
        var records: [String] = []
        while records.count < count {
            let answer = try await self.poll()
            guard answer.status == 200 else { break }
            records += answer.body.split(separator: "\u{1E}").map(String.init).filter { $0 != #"{"type":6}"# }
        }
        return records
    }

    /// The first poll, the handshake and its answer.
    func begin() async throws {
        let first = try await self.poll()
        #expect(first.status == 200 && first.body.isEmpty && first[header: "content-length"] == "0")
        #expect(try await self.post(#"{"protocol":"json","version":1}"#) == 200)
        #expect(try await self.records(1) == ["{}"])
    }

    /// The event stream of the connection, at the next node.
    func events(_ fields: String = "") async throws -> RawTestClient {
        let node = self.node()
        let client = try await RawTestClient.connect(port: node.port)
        try await client.send(
            "GET \(self.path) HTTP/1.1\r\nHost: 127.0.0.1:\(node.port)\r\nAccept: text/event-stream\r\n\(fields)\r\n"
        )
        _ = await eventually { client.isEnded || client.received.contains("\r\n\r\n:") }
        return client
    }
}

extension RawTestClient {
    /// The records in the events so far, without pings.
    var eventRecords: [String] {
        self.received.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("data: ") }
            .flatMap { $0.dropFirst(6).split(separator: "\u{1E}").map(String.init) }.filter { $0 != #"{"type":6}"# }
    }
}

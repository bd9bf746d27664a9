import Foundation
import TestSupport
import Testing

/// One running node, with the requests that tests need.
final class TestNode: Sendable {
    let name: String
    let process: VolaryProcess
    private let http: HTTPTestClient
    /// Headers of every request that has none.
    private let headers: [String: String]

    init(name: String, process: VolaryProcess, headers: [String: String] = [:]) {
        self.name = name
        self.headers = headers
        self.process = process
        self.http = HTTPTestClient(port: process.port, tls: process.tls)
    }

    // MARK: - REST

    func request(
        _ method: String,
        _ target: String,
        headers: [String: String] = [:],
        body: String? = nil,
        within deadline: Duration = .seconds(30)
    ) async throws -> HTTPTestResponse {
        var headers = self.headers.merging(headers) { $1 }
        if body != nil, headers["content-type"] == nil { headers["content-type"] = "application/json" }
        return try await self.http.request(method, target, headers: headers, body: body, within: deadline)
    }

    func get<Value: Decodable>(_ target: String, as type: Value.Type = Value.self) async throws -> Value {
        let response = try await self.request("GET", target)
        try #require(response.status == 200, "\(response.body)")
        return try response.decode()
    }

    /// - Parameter query: including the question mark.
    func broadcast(_ text: String, query: String = "") async throws -> Receipt {
        let response = try await self.push(to: "/api/connections/broadcast\(query)", text)
        try #require(response.status == 200, "\(response.body)")
        return try response.decode()
    }

    func send(_ text: String, to connection: String) async throws -> HTTPTestResponse {
        try await self.push(to: "/api/connections/\(connection)/send", text)
    }

    private func push(to target: String, _ text: String) async throws -> HTTPTestResponse {
        let body = String(decoding: try JSONEncoder().encode(["message": text]), as: UTF8.self)
        return try await self.request("POST", target, body: body)
    }

    /// The first page of the cluster's connections, complete or not.
    func list() async throws -> ConnectionList { try await self.get("/api/connections?limit=500") }

    /// All of the cluster's connections, from all pages.
    func inventory(pageSize: Int = 500) async throws -> [ConnectionList.Item] {
        var all: [ConnectionList.Item] = []
        var cursor: String?
        repeat {
            let page: ConnectionList = try await self.get(
                "/api/connections?limit=\(pageSize)" + (cursor.map { "&cursor=\($0)" } ?? "")
            )
            try #require(page.complete)
            all += page.connections
            cursor = page.next
        } while cursor != nil
        return all
    }

    /// A counter or gauge of `/metrics`; nil when there is none with this name.
    func metric(_ name: String) async throws -> Int? {
        let lines = try await self.request("GET", "/metrics").body.split(separator: "\n")
        return lines.first { $0.hasPrefix("\(name) ") }?.split(separator: " ").last.flatMap { Int($0) }
    }

    /// The number of connections, when the list is complete.
    func count() async throws -> Int? {
        let page: ConnectionList = try await self.get("/api/connections?limit=1")
        return page.complete ? page.count : nil
    }

    func isReady() async -> Bool {
        (try? await self.request("GET", "/readyz", within: .seconds(2)))?.status == 200
    }

    // MARK: - Clients

    func connect(_ path: String = "/ws", options: WebSocketTestClient.Options = .init()) async throws -> WebSocketTestClient {
        var options = options
        options.tls = options.tls ?? self.process.tls
        return try await .connect(port: self.process.port, path: path, options: options)
    }

    /// Opens connections one after the other.
    func connect(_ count: Int) async throws -> [WebSocketTestClient] {
        var clients: [WebSocketTestClient] = []
        for _ in 0..<count { clients.append(try await self.connect()) }
        return clients
    }
}

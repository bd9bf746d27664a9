import Foundation
import NIOConcurrencyHelpers

/// One node of a ``FaultCluster``, with its own proxy to Redis.
public final class FaultNode: Sendable {
    public let name: String
    /// The proxy on its link to Redis.
    public let proxy: TCPProxy
    /// The proxy between reliable clients and the node.
    let clients: TCPProxy
    /// The same for every process with this name.
    public let port: Int
    private let options: [String]
    /// Headers of clients and callers whose messages are accepted; empty where all messages are.
    let headers: [String: String]
    private let http: HTTPTestClient
    private let running: NIOLockedValueBox<VolaryProcess>

    static func start(_ name: String, proxy: TCPProxy, options: [String], token: String?) async throws -> FaultNode {
        let process = try await VolaryProcess.start(options)
        let headers = token.map { ["authorization": "Bearer \($0)"] } ?? [:]
        let clients = try await TCPProxy.start(to: process.port)
        return FaultNode(name, proxy: proxy, clients: clients, options: options, headers: headers, process: process)
    }

    private init(
        _ name: String,
        proxy: TCPProxy,
        clients: TCPProxy,
        options: [String],
        headers: [String: String],
        process: VolaryProcess
    ) {
        self.name = name
        self.clients = clients
        self.proxy = proxy
        self.options = options
        self.headers = headers
        self.port = process.port
        self.http = HTTPTestClient(port: process.port)
        self.running = NIOLockedValueBox(process)
    }

    public var process: VolaryProcess { self.running.withLockedValue { $0 } }

    /// Starts a new process on the same port; kills the existing one.
    public func restart() async throws {
        self.process.kill()
        let process = try await VolaryProcess.start(self.options, port: self.port, until: .live)
        self.running.withLockedValue { $0 = process }
    }

    /// Starts a second process with the same name and options, and waits for its end.
    /// - Returns: its exit status.
    func runTwin() async throws -> Int { try await VolaryProcess.run(self.options + ["--port", "0"]).status }

    func request(
        _ method: String,
        _ target: String,
        body: String? = nil,
        within deadline: Duration = .seconds(5)
    ) async throws -> HTTPTestResponse {
        // The client adds the content type of a body.
        try await self.http.request(method, target, headers: self.headers, body: body, within: deadline)
    }

    /// The answer to the question whether a node is ready for clients.
    enum Readiness {
        case ready
        /// It says that it is not, or its port is closed.
        case notReady(String)
        /// It has not answered within a second: on a busy machine, that need not be the node's fault.
        case silent

        var isReady: Bool { if case .ready = self { true } else { false } }
    }

    func readiness() async -> Readiness {
        let asked = ContinuousClock.now
        do {
            let answer = try await self.request("GET", "/readyz", within: .seconds(1))
            return answer.status == 200 ? .ready : .notReady("\(answer.status) \(answer.body)")
        } catch {
            return asked.duration(to: .now) < .seconds(1) ? .notReady("\(error)") : .silent
        }
    }

    func isReady() async -> Bool { await self.readiness().isReady }

    /// Its counters and gauges by name; empty while it does not answer.
    func metrics() async -> [String: Int] {
        guard let response = try? await self.request("GET", "/metrics") else { return [:] }
        var values: [String: Int] = [:]
        for line in response.body.split(separator: "\n") where !line.hasPrefix("#") {
            let parts = line.split(separator: " ")
            if parts.count == 2, let value = Int(parts[1]) { values[String(parts[0])] = value }
        }
        return values
    }

    private struct Page: Decodable {
        struct Connection: Decodable {
            let id: String
            let node: String
        }

        let complete: Bool
        let connections: [Connection]
    }

    /// The ids of all connections that it lists, and whether it reports the list as complete; nil when it does not answer. The
    /// connections of a fault cluster fit on one page.
    func inventory() async -> (ids: [String], isComplete: Bool)? {
        guard let response = try? await self.request("GET", "/api/connections?limit=500", within: .seconds(3)),
            response.status == 200, let page: Page = try? response.decode()
        else { return nil }
        return (page.connections.map(\.id), page.complete)
    }
}

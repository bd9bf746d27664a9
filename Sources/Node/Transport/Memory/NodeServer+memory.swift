import NIOCore
import NIOHTTP1
import NIOPosix
import VolaryBackplane
package import VolaryProtocol

/// A client of a node in this process.
package struct MemoryClient: Sendable {
    package let id: ConnectionID
    private let transport: NIOLoopBound<MemoryTransport>
    private let eventLoop: any EventLoop

    fileprivate init(id: ConnectionID, transport: NIOLoopBound<MemoryTransport>, eventLoop: any EventLoop) {
        self.id = id
        self.transport = transport
        self.eventLoop = eventLoop
    }

    package func send(_ text: String) {
        self.eventLoop.execute { self.transport.value.send(ByteBuffer(string: text)) }
    }

    /// - Parameter isClean: false: the connection is lost, without a close frame.
    package func leave(isClean: Bool) {
        self.eventLoop.execute { self.transport.value.leave(isClean ? .normal : nil) }
    }
}

extension NodeServer {
    /// The client was not admitted.
    package struct NotAdmitted: Error {
        package let reason: String
    }

    /// Whether the node has joined its cluster.
    package var isReady: Bool { self.hasSubscribed() }

    /// Connects a client without a socket to a hub with methods, by the protocol `hub.volary.json`.
    /// - Parameters:
    ///   - claims: a JSON object, as in a token; nil for none.
    ///   - received: called with each text for the client, and with nil at the end.
    package func connect(
        to hub: HubName,
        user: AudienceName?,
        claims: String?,
        received: @escaping @Sendable (String?) -> Void
    ) async throws -> MemoryClient {
        guard let endpoint = self.clients.endpoints.first(where: { $0.path == "/hubs/\(hub.text)" }) else {
            throw NotAdmitted(reason: "no hub \(hub)")
        }
        let (name, spoken) = endpoint.choose(of: [JSONHubProtocol.subprotocol])
        var client = WebSocketHandshake.Client(endpoint: endpoint, hub: hub, spoken: spoken, subprotocol: name)
        client.user = user
        client.claims = try claims.map { try JSONValue(parsing: ByteBuffer(string: $0)) }
        let eventLoop = self.group.next()
        let admitted: WebSocketAdmission.AdmittedClient
        do throws(WebSocketHandshake.Refusal) {
            let request = HTTPRequestHead(version: .http1_1, method: .GET, uri: endpoint.path)
            admitted = try await self.clients.admission.admit(request, client, on: eventLoop)
        } catch {
            throw NotAdmitted(reason: "\(error)")
        }
        let clients = self.clients
        return try await eventLoop.submit {
            let transport = MemoryTransport(received: received)
            let id = clients.open(admitted, transport, on: eventLoop)
            return MemoryClient(id: id, transport: NIOLoopBound(transport, eventLoop: eventLoop), eventLoop: eventLoop)
        }.get()
    }
}

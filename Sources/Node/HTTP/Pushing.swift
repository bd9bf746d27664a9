import Backplane
import HTTPTypes
import Hummingbird
import NIOCore
import Protocol

/// What all routes that push a message have in common: the body, `wait`, `timeout`, and the receipt.
struct Pushing: Sendable {
    private enum Wait {
        case none
        case routed
        case written
    }

    let publisher: Publisher
    let inventory: Inventory
    let directory: NodeDirectory
    /// Of the request, as sent.
    let maximumBodyBytes: Int
    /// Of the message, in UTF-8, as of a client's.
    let maximumMessageBytes: Int

    func push(_ request: Request, to audience: Audience) async throws -> Response {
        let query = try Query(request, only: "wait", "timeout")
        let wait = try query.choice("wait", of: ["none": Wait.none, "routed": .routed, "written": .written]) ?? .routed
        let timeout = try query.timeout()
        let message = try await self.message(of: request)
        if case .connection(let target) = audience, wait != .none, !self.directory.expects(target.node) {
            try await self.findNode(of: target)
        }
        do {
            if wait == .none {
                let id = try await self.publisher.pushWithoutReceipts(message, to: audience)
                return JSONBody.response(json: AcceptedPush(id: id).json, status: .accepted)
            }
            let result = try await self.publisher.push(message, to: audience, written: wait == .written, timeout: timeout)
            if result.lacksReceipts || result.answer.receipts.keys.contains(where: { self.directory.name(of: $0) == nil }) {
                // It may be a node so new that the last beat did not see it.
                await self.inventory.refreshDirectory()
            }
            var isConnected: Bool?
            if case .connection(let target) = audience {
                isConnected = result.recipients > 0
                if result.knowsOfNoConnection {
                    do {
                        // Its node does not have it open. One that is only just going is still listed.
                        guard try await self.inventory.connection(target) != nil else { throw Problem.unknownConnection }
                    } catch is PresenceError where wait == .written {
                        // Or it reads too slowly.
                        isConnected = nil
                    }
                }
            }
            return JSONBody.response(
                PushReceipt(result, audience: audience, isConnected: isConnected, directory: self.directory),
                status: result.isDegraded ? .accepted : .ok
            )
        } catch let error as BrokerError {
            throw Problem(error)
        } catch is PresenceError {
            // The node that should know says that it is not there.
            throw Problem.unknownConnection
        }
    }

    /// Has the node of one connection carry something out.
    /// - Parameter send: publishes the request and waits for the receipt.
    func request(
        of connection: ConnectionID,
        _ send: () async throws(BrokerError) -> PushResult
    ) async throws -> Response {
        try await self.findNode(of: connection)
        let result: PushResult
        do throws(BrokerError) {
            result = try await send()
        } catch {
            throw Problem(error)
        }
        return try result.noContent()
    }

    /// Looks whether the node that could hold the connection is there. Before anything is sent: what is sent stays in the log for a node that
    /// is away, and 404 must not be said of what is done later.
    private func findNode(of connection: ConnectionID) async throws {
        if connection.node == self.directory.ownID { return }
        let isAnswered = await self.inventory.refreshDirectory()
        if self.directory.expects(connection.node) { return }
        throw isAnswered ? Problem.unknownConnection : Problem.presenceUnavailable
    }

    private func message(of request: Request) async throws -> String {
        let message = try await JSONBody.text("message", from: request, maximumBytes: self.maximumBodyBytes)
        guard message.unicodeScalars.contains(where: { !$0.properties.isWhitespace }) else {
            throw Problem.invalidBody("message must not be empty.", field: "message")
        }
        guard message.utf8.count <= self.maximumMessageBytes else {
            throw Problem(
                .contentTooLarge,
                "message-too-large",
                "message may have \(self.maximumMessageBytes) bytes of UTF-8.",
                field: "message"
            )
        }
        return message
    }
}

extension PushResult {
    /// The answer to a request that one node was to carry out for one connection.
    func noContent() throws -> Response {
        if self.isRefused {
            throw Problem(
                .conflict,
                "too-many-groups",
                "A connection may be in \(PresenceLimits.groupsPerConnection) groups, of names with \(PresenceLimits.groupBytesPerConnection) bytes together.",
                field: "group"
            )
        }
        if self.recipients > 0 { return Response(status: .noContent) }
        if self.knowsOfNoConnection { throw Problem.unknownConnection }
        throw Problem.nodeSilent("The node that holds the connection did not answer in time; it does what was asked when it can.")
    }
}

extension RequestContext {
    /// An id that cannot be one names no connection.
    func connectionID() throws -> ConnectionID {
        guard let id = ConnectionID(try self.parameters.require("id")) else { throw Problem.unknownConnection }
        return id
    }

    /// The name in the path.
    func name(_ parameter: String) throws -> Name {
        guard let name = Name(try self.parameters.require(parameter)) else {
            throw Problem(.badRequest, "invalid-name", "\(parameter) \(Name.rule)", field: parameter)
        }
        return name
    }
}

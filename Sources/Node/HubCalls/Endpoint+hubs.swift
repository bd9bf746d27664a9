import Atomics
import Logging
import VolaryBackplane
public import VolaryProtocol

/// A hub with methods for its clients, at `/hubs/{name}`.
public struct ServedHub: Sendable {
    public let name: HubName
    public let dispatcher: any HubDispatcher
    /// Whether only clients with a user may connect.
    public let requiresUser: Bool

    public init(_ name: HubName, _ dispatcher: any HubDispatcher, requiresUser: Bool = false) {
        self.name = name
        self.dispatcher = dispatcher
        self.requiresUser = requiresUser
    }
}

extension Endpoint {
    /// `/hubs/{name}`: clients of a hub with methods.
    /// - Parameters:
    ///   - maximumRecordBytes: of clients of SignalR.
    ///   - unfinished: counts what the dispatchers of the node are doing.
    static func hub(
        _ hub: ServedHub,
        maximumRecordBytes: Int,
        calls: HubCallSettings,
        listing: ConnectionListing,
        logger: Logger,
        unfinished: ManagedAtomic<Int>
    ) -> Endpoint {
        let json = SpokenProtocol(JSONHubProtocol())
        func signalR(_ encoding: SignalREncoding?) -> SpokenProtocol {
            SpokenProtocol(SignalRProtocol(encoding, maximumRecordBytes: maximumRecordBytes))
        }
        return Endpoint(
            path: "/hubs/\(hub.name.text)",
            hub: .always(hub.name),
            joinsCluster: true,
            standard: signalR(nil),
            subprotocols: [(JSONHubProtocol.subprotocol, json)],
            chosen: [.json: signalR(.json), .messagePack: signalR(.messagePack)],
            application: HubRelay(hub.dispatcher, settings: calls, listing: listing, logger: logger, unfinished: unfinished),
            groupLimits: .maximum,
            requiresUser: hub.requiresUser,
            keepsClaims: true
        )
    }
}

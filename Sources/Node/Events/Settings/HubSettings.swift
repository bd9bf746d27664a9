import VolaryProtocol

/// An event of a connection's life that a handler may get.
enum SystemEvent: String, CaseIterable, Sendable {
    /// A client wants to connect. The handler may refuse it, or change its user, groups, roles and subprotocol.
    case connect
    /// A connection is open.
    case connected
    /// A connection has ended.
    case disconnected
}

/// One event handler of a hub.
struct EventHandler: Hashable, Sendable {
    let url: EventURL
    var userEvents = UserEventPattern.none
    var systemEvents: Set<SystemEvent> = []
    /// Value of `Authorization` in each request; nil for none.
    var authorization: String?
}

/// The settings of one hub of Web PubSub.
struct HubSettings: Hashable, Sendable {
    /// Requests to the handlers of the hub that may be under way at once, unless the settings say otherwise: 256.
    static let standardRequests = 256

    /// The first one that wants an event gets it.
    var handlers: [EventHandler] = []
    /// Whether clients may connect without a token.
    var acceptsAnonymous = false
    /// Maximum of requests to the handlers that are under way at once. Further events wait.
    var maximumRequests = standardRequests
    /// Paths of its clients, besides those that Web PubSub has.
    var routes: [ClientRoute] = []

    func handler(of event: SystemEvent) -> EventHandler? { self.handlers.first { $0.systemEvents.contains(event) } }

    func handler(of event: EventName) -> EventHandler? { self.handlers.first { $0.userEvents.matches(event) } }
}

/// The settings of all hubs. A hub without settings has no handlers.
struct HubTable: Hashable, Sendable {
    var hubs: [HubName: HubSettings] = [:]
}

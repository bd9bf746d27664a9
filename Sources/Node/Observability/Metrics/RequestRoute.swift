import HTTPTypes

/// An HTTP route, as metric labels: the method and the path template, never a requested path.
enum RequestRoute: Int, CaseIterable, Sendable {
    case listConnections
    case broadcast
    case getConnection
    case closeConnection
    case sendToConnection
    case sendToGroup
    case joinGroup
    case leaveGroup
    case sendToUser
    case history
    case trace
    case groupHistory
    case userHistory
    case listNodes
    case drainNode
    case live
    case ready
    case metrics
    case openAPI
    case pubSubDocument
    case pubSubSwagger
    case pubSubHealth
    case pubSubToken
    case pubSubSend
    case pubSubClose
    case pubSubAddToGroups
    case pubSubRemoveFromGroups
    case pubSubConnectionExists
    case pubSubCloseConnection
    case pubSubSendToConnection
    case pubSubRemoveConnectionFromAll
    case pubSubGroupExists
    case pubSubSendToGroup
    case pubSubCloseGroup
    case pubSubListGroup
    case pubSubAddConnection
    case pubSubRemoveConnection
    case pubSubUserExists
    case pubSubSendToUser
    case pubSubCloseUser
    case pubSubAddUser
    case pubSubRemoveUser
    case pubSubRemoveUserFromAll
    case pubSubGrant
    case pubSubRevoke
    case pubSubCheck
    case swagger
    case swaggerFile
    case console
    case webSocket
    case echo
    case events
    case pubSubClient
    case olderPubSubClient
    case hubClient
    case hubPost
    case hubDelete
    case negotiate
    /// An unknown path or method, or bytes that are not a valid request.
    case other

    var method: String { self.parts.0 }
    var template: String { self.parts.1 }

    private var parts: (String, String) {
        switch self {
        case .listConnections: ("GET", "/api/connections")
        case .broadcast: ("POST", "/api/connections/broadcast")
        case .getConnection: ("GET", "/api/connections/{id}")
        case .closeConnection: ("DELETE", "/api/connections/{id}")
        case .sendToConnection: ("POST", "/api/connections/{id}/send")
        case .sendToGroup: ("POST", "/api/groups/{group}/send")
        case .joinGroup: ("PUT", "/api/groups/{group}/connections/{id}")
        case .leaveGroup: ("DELETE", "/api/groups/{group}/connections/{id}")
        case .sendToUser: ("POST", "/api/users/{user}/send")
        case .history: ("GET", "/api/messages")
        case .trace: ("GET", "/api/messages/{id}")
        case .groupHistory: ("GET", "/api/groups/{group}/messages")
        case .userHistory: ("GET", "/api/users/{user}/messages")
        case .listNodes: ("GET", "/api/nodes")
        case .drainNode: ("POST", "/api/nodes/{id}/drain")
        case .live: ("GET", "/livez")
        case .ready: ("GET", "/readyz")
        case .metrics: ("GET", "/metrics")
        case .openAPI: ("GET", "/openapi.json")
        case .pubSubDocument: ("GET", "/webpubsub.json")
        case .pubSubSwagger: ("GET", "/swagger/webpubsub")
        case .pubSubHealth: ("GET", "/api/health")
        case .pubSubToken: ("POST", "/api/hubs/{hub}/:generateToken")
        case .pubSubSend: ("POST", "/api/hubs/{hub}/:send")
        case .pubSubClose: ("POST", "/api/hubs/{hub}/:closeConnections")
        case .pubSubAddToGroups: ("POST", "/api/hubs/{hub}/:addToGroups")
        case .pubSubRemoveFromGroups: ("POST", "/api/hubs/{hub}/:removeFromGroups")
        case .pubSubConnectionExists: ("GET", "/api/hubs/{hub}/connections/{connection}")
        case .pubSubCloseConnection: ("DELETE", "/api/hubs/{hub}/connections/{connection}")
        case .pubSubSendToConnection: ("POST", "/api/hubs/{hub}/connections/{connection}/:send")
        case .pubSubRemoveConnectionFromAll: ("DELETE", "/api/hubs/{hub}/connections/{connection}/groups")
        case .pubSubGroupExists: ("GET", "/api/hubs/{hub}/groups/{group}")
        case .pubSubSendToGroup: ("POST", "/api/hubs/{hub}/groups/{group}/:send")
        case .pubSubCloseGroup: ("POST", "/api/hubs/{hub}/groups/{group}/:closeConnections")
        case .pubSubListGroup: ("GET", "/api/hubs/{hub}/groups/{group}/connections")
        case .pubSubAddConnection: ("PUT", "/api/hubs/{hub}/groups/{group}/connections/{connection}")
        case .pubSubRemoveConnection: ("DELETE", "/api/hubs/{hub}/groups/{group}/connections/{connection}")
        case .pubSubUserExists: ("GET", "/api/hubs/{hub}/users/{user}")
        case .pubSubSendToUser: ("POST", "/api/hubs/{hub}/users/{user}/:send")
        case .pubSubCloseUser: ("POST", "/api/hubs/{hub}/users/{user}/:closeConnections")
        case .pubSubAddUser: ("PUT", "/api/hubs/{hub}/users/{user}/groups/{group}")
        case .pubSubRemoveUser: ("DELETE", "/api/hubs/{hub}/users/{user}/groups/{group}")
        case .pubSubRemoveUserFromAll: ("DELETE", "/api/hubs/{hub}/users/{user}/groups")
        case .pubSubGrant: ("PUT", "/api/hubs/{hub}/permissions/{permission}/connections/{connection}")
        case .pubSubRevoke: ("DELETE", "/api/hubs/{hub}/permissions/{permission}/connections/{connection}")
        case .pubSubCheck: ("GET", "/api/hubs/{hub}/permissions/{permission}/connections/{connection}")
        case .swagger: ("GET", "/swagger")
        case .swaggerFile: ("GET", "/swagger/{file}")
        case .console: ("GET", "/")
        case .webSocket: ("GET", "/ws")
        case .echo: ("GET", "/echo")
        case .events: ("GET", "/events")
        case .pubSubClient: ("GET", "/client/hubs/{hub}")
        case .olderPubSubClient: ("GET", "/client")
        case .hubClient: ("GET", "/hubs/{hub}")
        case .hubPost: ("POST", "/hubs/{hub}")
        case .hubDelete: ("DELETE", "/hubs/{hub}")
        case .negotiate: ("POST", "/hubs/{hub}/negotiate")
        case .other: ("other", "other")
        }
    }

    private static let byTemplate = Dictionary(grouping: Self.allCases, by: \.template)

    /// - Parameters:
    ///   - method: HEAD counts as GET.
    ///   - template: of the matched route, with its parameters in braces; nil without a match.
    init(_ method: HTTPRequest.Method, _ template: String?) {
        let name = method == .head ? "GET" : method.rawValue
        self = template.flatMap { Self.byTemplate[$0] }?.first { $0.method == name } ?? .other
    }
}

/// An HTTP answer, as metric labels.
struct RequestAnswer: MetricLabel {
    /// The statuses that the node sends; others are counted together.
    private static let statuses = [
        200, 202, 204, 304, 400, 401, 403, 404, 405, 408, 409, 413, 415, 417, 422, 426, 429, 431, 500, 501, 503, 504,
    ]

    static let all = RequestRoute.allCases.flatMap { route in
        (0...Self.statuses.count).map { Self(route: route, statusIndex: $0) }
    }

    private let route: RequestRoute
    private let statusIndex: Int

    private init(route: RequestRoute, statusIndex: Int) {
        self.route = route
        self.statusIndex = statusIndex
    }

    init(_ route: RequestRoute, status: Int) {
        self.init(route: route, statusIndex: Self.statuses.firstIndex(of: status) ?? Self.statuses.count)
    }

    var index: Int { self.route.rawValue * (Self.statuses.count + 1) + self.statusIndex }

    var dimensions: [(String, String)] {
        let status = self.statusIndex < Self.statuses.count ? String(Self.statuses[self.statusIndex]) : "other"
        return [("method", self.route.method), ("route", self.route.template), ("status", status)]
    }
}

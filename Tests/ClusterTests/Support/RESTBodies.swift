// The answers of the REST API, as a caller would define them: independent of the server's sources.

struct Receipt: Decodable, Equatable {
    struct Node: Decodable, Equatable {
        let node: String
        let recipients: Int
    }

    let id: String
    let recipients: Int
    let nodes: [Node]
    let missing: [String]
    let degraded: Bool
}

struct ConnectionList: Decodable {
    struct Item: Decodable, Hashable {
        let id: String
        let node: String
        let user: String?
        let groups: [String]
        let `protocol`: String
        let connectedAt: String
    }

    let count: Int
    let complete: Bool
    let missing: [String]
    let connections: [Item]
    let next: String?
}

struct NodeList: Decodable {
    struct Item: Decodable {
        let id: String
        let name: String
        let connections: Int
        let live: Bool
        let draining: Bool
    }

    let count: Int
    let complete: Bool
    let answeredBy: String
    let nodes: [Item]
}

struct Readiness: Decodable, Equatable {
    struct Part: Decodable, Equatable {
        let state: String
        let reason: String?
        let since: String
    }

    let ready: Bool
    let draining: Bool
    let relay: Part
    let presence: Part
}

struct Problem: Decodable {
    let type: String
    let title: String
    let status: Int
    let detail: String
    let field: String?
}

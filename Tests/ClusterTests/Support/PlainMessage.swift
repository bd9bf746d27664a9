import Foundation
import TestSupport

/// One message as a client of `/ws` receives it.
enum Seen: Hashable {
    case plain(type: String, from: String?, message: String)
    case binary([UInt8])

    struct Unexpected: Error {
        let text: String
    }

    private struct Members: Decodable {
        let type: String
        let from: String?
        let message: String
        let timestamp: String
    }

    init(_ message: WebSocketTestClient.Message) throws {
        switch message {
        case .binary(let bytes): self = .binary(bytes)
        case .text(let text):
            guard let members = try? JSONDecoder().decode(Members.self, from: Data(text.utf8)) else {
                throw Unexpected(text: text)
            }
            self = .plain(type: members.type, from: members.from, message: members.message)
        }
    }

    var type: String? {
        switch self {
        case .plain(let type, _, _): type
        case .binary: nil
        }
    }

    /// The text of a plain message.
    var message: String? {
        switch self {
        case .plain(_, _, let message): message
        case .binary: nil
        }
    }

    var from: String? {
        switch self {
        case .plain(_, let from, _): from
        case .binary: nil
        }
    }

    static func broadcast(_ text: String) -> Seen { .plain(type: "server-broadcast", from: nil, message: text) }
}

extension WebSocketTestClient {
    /// The next message.
    func see(within deadline: Duration = .seconds(30)) async throws -> Seen {
        try Seen(try await self.next(within: deadline))
    }

    /// Takes messages up to the first one that matches, and discards all of them.
    @discardableResult
    func see(
        within deadline: Duration = .seconds(30),
        where fits: (Seen) -> Bool
    ) async throws -> Seen {
        let end = ContinuousClock.now.advanced(by: deadline)
        while true {
            let seen = try await self.see(within: max(.zero, end - .now))
            if fits(seen) { return seen }
        }
    }

    /// Takes all messages before the broadcast with this text.
    func everything(until marker: String) async throws -> [Seen] {
        var all: [Seen] = []
        while true {
            let seen = try await self.see()
            if seen == .broadcast(marker) { return all }
            all.append(seen)
        }
    }
}

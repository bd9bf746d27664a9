import ArgumentParser
import Foundation
import VolaryCommand
import VolaryProtocol

/// `volary send`: a push, as over REST.
struct Send: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Sends a message to all clients of a hub, a group, a user or one connection.",
        discussion: """
            Prints the receipt, which is JSON. Exit status 1 when the message was refused, or may not have reached every node. Needs \
            the permission send on nodes with credentials.
            """
    )

    @Argument(help: "The text.")
    var text: String

    @Option(help: "To the clients of this group.")
    var group: String?

    @Option(help: "To the clients of this user.")
    var user: String?

    @Option(help: "To the connection with this id.")
    var connection: String?

    @Option(help: "The hub. Default: default.")
    var hub: String?

    @OptionGroup var call: NodeCall

    private struct Receipt: Decodable {
        let degraded: Bool?
        let missing: [String]?
        let notConnected: Bool?
    }

    func validate() throws {
        guard [self.group, self.user, self.connection].count(where: { $0 != nil }) <= 1 else {
            throw ValidationError("Only one of --group, --user and --connection is possible.")
        }
    }

    func run() async throws {
        let body = String(decoding: try JSONEncoder().encode(["message": self.text]), as: UTF8.self)
        let answer = try await self.call.accepted("POST", self.path, body: body)
        print(answer.body)
        let receipt = try? JSONDecoder().decode(Receipt.self, from: Data(answer.body.utf8))
        guard receipt?.degraded == false, receipt?.missing == [], receipt?.notConnected != true else { throw ExitCode.failure }
    }

    private var path: String {
        let target =
            self.group.map { "/api/groups/\(Self.segment($0))/send" } ?? self.user.map { "/api/users/\(Self.segment($0))/send" }
            ?? self.connection.map { "/api/connections/\(Self.segment($0))/send" } ?? "/api/connections/broadcast"
        return target + (self.hub.map { "?hub=\(Self.segment($0))" } ?? "")
    }

    /// All bytes but letters, digits, `-`, `.`, `_` and `~` percent-encoded (RFC 3986 section 2.3).
    private static func segment(_ text: String) -> String {
        let plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~".utf8
        return text.utf8.map { plain.contains($0) ? "\(UnicodeScalar($0))" : "%\(Hex.encode(CollectionOfOne($0)))" }.joined()
    }
}

import VolaryProtocol

/// The version of a server by the HELLO command, which needs no permission.
struct RedisVersion: Hashable, Sendable, CustomStringConvertible {
    /// The first with sharded channels: 7. Every Valkey has them.
    static let minimum = 7

    private let major: Int
    /// As the server writes it, without what would not fit into a line.
    let description: String

    /// The reason not to use the server; nil if there is none.
    var refusal: String? {
        guard self.major < Self.minimum else { return nil }
        return "the server is Redis \(self); version \(Self.minimum) or newer is needed, for sharded channels"
    }

    /// - Parameter answer: the initializer returns nil unless this is an answer to HELLO.
    init?(_ answer: RESPValue) {
        guard let parts = answer.elements, parts.count.isMultiple(of: 2),
            let place = stride(from: 0, to: parts.count, by: 2).first(where: { parts[$0].text == "version" }),
            let text = parts[place + 1].text, let major = Int(text.prefix { $0 != "." }), major >= 0
        else { return nil }
        self.major = major
        self.description = RedisErrorText.loggable(text.prefix(maximumBytes: 32).description)
    }

    /// The reason when HELLO is answered with an error: servers older than 6 do not know it.
    static func refusal(_ text: String) -> String {
        guard text.contains("unknown command") else { return RedisErrorText.loggable(text) }
        return "the server is older than Redis 6; version \(self.minimum) or newer is needed, for sharded channels"
    }
}

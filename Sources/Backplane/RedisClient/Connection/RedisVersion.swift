import VolaryProtocol

/// The version of a server by the HELLO command, which needs no permission.
struct RedisVersion: Hashable, Sendable, CustomStringConvertible {
    /// The first with sharded channels: 7. Every Valkey has them.
    static let minimum = 7
    static let requirement = "version \(minimum) or newer is needed, for sharded channels"

    private let major: Int
    /// As the server writes it, without what would not fit into a line.
    let description: String

    var isSupported: Bool { self.major >= Self.minimum }

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
        text.contains("unknown command") ? "the server is older than Redis 6; \(self.requirement)" : RedisErrorText.loggable(text)
    }
}

/// The first commands on a connection: they authenticate, choose the database, and check that the server is the right kind
/// and has what the node needs.
///
/// All commands are sent at once. Belongs to one event loop.
final class RedisHandshake {
    typealias Completion = (Result<Void, RedisConnectError>) -> Void

    private let handler: RedisChannelHandler
    private var completion: Completion?

    /// - Parameter completion: called once, also when the connection is lost. The caller closes the connection.
    static func perform(
        on handler: RedisChannelHandler,
        as role: String,
        with peer: RedisPeer,
        configuration: RedisConfiguration,
        completion: @escaping Completion
    ) {
        let handshake = RedisHandshake(handler: handler, completion: completion)
        if let credentials = configuration.credentials(for: peer) {
            var command = RESPCommand("AUTH")
            if let username = credentials.username { command.append(username) }
            command.append(credentials.password)
            // Only the code of the error: some servers quote the arguments of unknown commands.
            handshake.step("AUTH", command) { RedisErrorText.code($0).description }
        }
        if peer == .master, configuration.database != 0 {
            handshake.step("SELECT", RESPCommand("SELECT", "\(configuration.database)"))
        }
        // Helps people who read the client list. Some servers do not know the command or do not permit it, so its answer is
        // ignored.
        handler.send(RESPCommand("CLIENT", "SETNAME", "volary-\(role)")) { _ in }
        if peer == .master {
            handshake.askForRole()
            handshake.askForVersion()
        }
        handshake.ping()
        handler.flush()
    }

    private init(handler: RedisChannelHandler, completion: @escaping Completion) {
        self.handler = handler
        self.completion = completion
    }

    private func step(_ name: String, _ command: RESPCommand, describing: @escaping (String) -> String = RedisErrorText.loggable)
    {
        self.ask(name, command, describing: describing) { value in
            if case .status = value { return nil }
            return .notUsable("unexpected answer to \(name)")
        }
    }

    private func askForRole() {
        self.ask("ROLE", RESPCommand("ROLE")) { value in
            switch RedisRole(value) {
            case .master: nil
            case .replica: .replica
            case .sentinel: .notUsable("the server is a sentinel: use redis+sentinel://")
            case nil: .notUsable("unexpected answer to ROLE")
            }
        }
    }

    private func askForVersion() {
        self.ask("HELLO", RESPCommand("HELLO"), describing: RedisVersion.refusal) { value in
            guard let version = RedisVersion(value) else { return .notUsable("unexpected answer to HELLO") }
            return version.refusal.map { .notUsable($0) }
        }
    }

    /// A Redis that is still loading its data answers the other commands, but not this one.
    private func ping() {
        self.ask("PING", RESPCommand("PING")) { [self] value in
            guard value == .status("PONG") else { return .notUsable("unexpected answer to PING") }
            self.finish(.success(()))
            return nil
        }
    }

    /// - Parameter check: returns nil when the answer is as expected.
    private func ask(
        _ name: String,
        _ command: RESPCommand,
        describing: @escaping (String) -> String = RedisErrorText.loggable,
        check: @escaping (RESPValue) -> RedisConnectError?
    ) {
        self.handler.send(command) { [self] result in
            switch result {
            case .failure(let error): self.finish(.failure(.unreachable(error.reason)))
            case .success(.error(let text)):
                let reason = "\(name) was refused: \(describing(text))"
                self.finish(.failure(RedisErrorText.code(text) == "NOAUTH" ? .passwordRequired(reason) : .notUsable(reason)))
            case .success(let value): if let error = check(value) { self.finish(.failure(error)) }
            }
        }
    }

    private func finish(_ result: Result<Void, RedisConnectError>) {
        let completion = self.completion
        self.completion = nil
        completion?(result)
    }
}

@available(*, unavailable)
extension RedisHandshake: Sendable {}

/// A server's role by the ROLE command.
enum RedisRole: Hashable, Sendable {
    case master
    case replica
    case sentinel

    /// - Parameter answer: the initializer returns nil unless this is an answer to ROLE.
    init?(_ answer: RESPValue) {
        switch answer.elements?.first?.text {
        case "master": self = .master
        case "slave": self = .replica
        case "sentinel": self = .sentinel
        default: return nil
        }
    }
}

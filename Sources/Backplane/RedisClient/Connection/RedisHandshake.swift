/// What is said first on a connection: who we are, which database, and whether this is a server that we want.
///
/// All of it is sent at once. Belongs to one event loop.
final class RedisHandshake {
    typealias Completion = (Result<Void, RedisDialError>) -> Void

    private let handler: RedisChannelHandler
    private var completion: Completion?

    /// - Parameter completion: called once, also when the connection is lost; the connection is the caller's to close.
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
            // Only the code: some servers quote the arguments of what they do not know.
            handshake.step("AUTH", command) { RedisErrorText.code($0).description }
        }
        if peer == .master, configuration.database != 0 {
            handshake.step("SELECT", RESPCommand("SELECT", "\(configuration.database)"))
        }
        // For people who look at the client list. Some servers do not know the command, or do not allow it.
        handler.send(RESPCommand("CLIENT", "SETNAME", "volary-\(role)")) { _ in }
        if peer == .master { handshake.askForRole() }
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
            return .otherServer("\(name) was answered with something else")
        }
    }

    private func askForRole() {
        self.ask("ROLE", RESPCommand("ROLE")) { value in
            switch RedisRole(value) {
            case .master: nil
            case .replica: .replica
            case .sentinel: .otherServer("the server is a sentinel: redis+sentinel:// is for those")
            case nil: .otherServer("ROLE was answered with something else")
            }
        }
    }

    /// The others are answered also by a Redis that still loads its data, this one is not.
    private func ping() {
        self.ask("PING", RESPCommand("PING")) { [self] value in
            guard value == .status("PONG") else { return .otherServer("PING was answered with something else") }
            self.finish(.success(()))
            return nil
        }
    }

    /// - Parameter judge: nil when the answer is what it should be.
    private func ask(
        _ name: String,
        _ command: RESPCommand,
        describing: @escaping (String) -> String = RedisErrorText.loggable,
        judge: @escaping (RESPValue) -> RedisDialError?
    ) {
        self.handler.send(command) { [self] result in
            switch result {
            case .failure(let error): self.finish(.failure(.unreachable(error.reason)))
            case .success(.error(let text)):
                let reason = "\(name) was refused: \(describing(text))"
                self.finish(.failure(RedisErrorText.code(text) == "NOAUTH" ? .passwordWanted(reason) : .otherServer(reason)))
            case .success(let value): if let error = judge(value) { self.finish(.failure(error)) }
            }
        }
    }

    private func finish(_ result: Result<Void, RedisDialError>) {
        let completion = self.completion
        self.completion = nil
        completion?(result)
    }
}

@available(*, unavailable)
extension RedisHandshake: Sendable {}

/// What ROLE says.
enum RedisRole: Hashable, Sendable {
    case master
    case replica
    case sentinel

    /// - Parameter answer: nil unless it is one of ROLE's.
    init?(_ answer: RESPValue) {
        switch answer.elements?.first?.text {
        case "master": self = .master
        case "slave": self = .replica
        case "sentinel": self = .sentinel
        default: return nil
        }
    }
}

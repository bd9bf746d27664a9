import Logging
import NIOCore

/// The part of ``RedisScriptRunner`` on its event loop: the link and the loaded scripts.
final class RedisScriptCore: RedisLinkDelegate {
    typealias Completion = (Result<RESPValue, RedisScriptError>) -> Void

    private let role: String
    private let resolver: MasterResolver
    private let logger: Logger
    private var link: RedisLink?
    private let loaded: [RedisScript]
    private let scripts: RedisScriptCache

    init(role: String, scripts: [RedisScript], resolver: MasterResolver, logger: Logger) {
        self.role = role
        self.resolver = resolver
        self.logger = logger
        self.loaded = scripts
        self.scripts = RedisScriptCache(configuration: resolver.configuration)
    }

    func start() {
        guard self.link == nil else { return }
        let link = RedisLink(
            role: self.role,
            to: .master(self.resolver.core.value),
            configuration: self.resolver.configuration,
            eventLoop: self.resolver.eventLoop,
            logger: self.logger
        )
        link.delegate = self
        self.link = link
        link.start()
    }

    func stop() {
        self.link?.stop()
    }

    /// Call ``flush()`` behind it.
    /// - Parameter completion: called once, within the link's timeout.
    func evaluate(
        _ script: RedisScript,
        keys: [String],
        arguments: RedisArguments,
        completion: @escaping Completion
    ) {
        guard let link else {
            completion(.failure(.unavailable("not started")))
            return
        }
        let send = { [scripts = self.scripts] (bySource: Bool, completion: @escaping Completion) in
            var command = scripts.command(script, keys: keys, bySource: bySource)
            command.append(arguments)
            link.send(command) { result in
                switch result {
                case .success(.error(let text)): completion(.failure(Self.error(of: text)))
                case .success(let value): completion(.success(value))
                case .failure(let error): completion(.failure(.unavailable(error.reason)))
                }
            }
        }
        send(false) { [weak self] result in
            guard case .failure(.refused(let text)) = result, let self else { return completion(result) }
            switch RedisErrorText.code(text) {
            // Redis' script cache was flushed: sending the source loads the script again.
            case "NOSCRIPT":
                send(true, completion)
                link.flush()
            case "WRONGTYPE": self.findMistypedKey(of: keys, text, over: link) { completion(.failure(.refused($0))) }
            default: completion(result)
            }
        }
    }

    func flush() { self.link?.flush() }

    /// Finds the key that holds a type other than expected.
    /// - Parameter completion: called once with the reason, or with `text` (the error of Redis) when no such key is found.
    private func findMistypedKey(
        of keys: [String],
        _ text: String,
        over link: RedisLink,
        completion: @escaping (String) -> Void
    ) {
        let known = keys.compactMap { key in
            RedisKeyTypes.expected(of: key).map { (key: key, expected: $0) }
        }
        guard !known.isEmpty else { return completion(text) }
        var reason: String?
        for (index, (key, expected)) in known.enumerated() {
            link.send(RESPCommand("TYPE", key)) { result in
                if reason == nil, case .success(.status(let type)) = result, type != "none", type != expected {
                    reason = RedisKeyTypes.reason(key, is: type, not: expected)
                }
                if index == known.count - 1 { completion(reason ?? text) }
            }
        }
        link.flush()
    }

    private static func error(of text: String) -> RedisScriptError {
        let reason = RedisErrorText.loggable(text)
        return switch RedisErrorText.code(text) {
        case "LOADING", "MASTERDOWN", "CLUSTERDOWN", "BUSY", "TRYAGAIN", "READONLY": .unavailable(reason)
        default: .refused(reason)
        }
    }

    func linkBecameReady(_ link: RedisLink) {
        self.scripts.load(self.loaded, over: link)
        link.flush()
    }

    func linkWasLost(_ link: RedisLink, _ loss: RedisLinkLoss) {
        self.scripts.removeAll()
    }

    func link(_ link: RedisLink, received pushes: [RedisPush]) {}
}

@available(*, unavailable)
extension RedisScriptCore: Sendable {}

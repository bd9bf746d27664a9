import Logging
import NIOCore

/// The part of ``RedisScriptRunner`` that lives on its event loop: the link, and the scripts that Redis knows.
final class RedisScriptCore: RedisLinkDelegate {
    typealias Completion = (Result<RESPValue, RedisScriptError>) -> Void

    private let role: String
    private let watch: MasterResolver
    private let logger: Logger
    private var link: RedisLink?
    private let scripts = RedisScriptCache()

    init(role: String, watch: MasterResolver, logger: Logger) {
        self.role = role
        self.watch = watch
        self.logger = logger
    }

    func start() {
        guard self.link == nil else { return }
        let link = RedisLink(
            role: self.role,
            to: .master(self.watch.core.value),
            configuration: self.watch.configuration,
            eventLoop: self.watch.eventLoop,
            logger: self.logger
        )
        link.delegate = self
        self.link = link
        link.start()
    }

    func stop() {
        self.link?.stop()
    }

    /// - Parameters:
    ///   - payload: the last argument, when there is one that is not text.
    ///   - completion: called once, within the link's deadline.
    func evaluate(
        _ script: RedisScript,
        keys: [String],
        arguments: [String],
        payload: ByteBuffer?,
        completion: @escaping Completion
    ) {
        guard let link else {
            completion(.failure(.unavailable("not started")))
            return
        }
        let send = { [scripts = self.scripts] (bySource: Bool, completion: @escaping Completion) in
            var command = scripts.command(script, keys: keys, bySource: bySource)
            for argument in arguments { command.append(argument) }
            if let payload { command.append(payload) }
            link.send(command) { result in
                switch result {
                case .success(.error(let text)): completion(.failure(Self.error(of: text)))
                case .success(let value): completion(.success(value))
                case .failure(let error): completion(.failure(.unavailable(error.reason)))
                }
            }
            link.flush()
        }
        send(false) { [weak self] result in
            guard case .failure(.refused(let text)) = result, let self else { return completion(result) }
            switch RedisErrorText.code(text) {
            // Somebody has emptied Redis' cache of scripts: the source brings it back.
            case "NOSCRIPT": send(true, completion)
            case "WRONGTYPE": self.nameForeignKey(of: keys, text, over: link) { completion(.failure(.refused($0))) }
            default: completion(result)
            }
        }
    }

    /// Finds out which of the keys holds what it should not.
    /// - Parameter completion: called once with the reason; with `text`, as Redis has it, where none is found.
    private func nameForeignKey(
        of keys: [String],
        _ text: String,
        over link: RedisLink,
        completion: @escaping (String) -> Void
    ) {
        let known = keys.compactMap { key in
            RedisKeyTypes.expected(of: key, prefix: self.watch.configuration.keyPrefix).map { (key: key, expected: $0) }
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
        self.scripts.load(RedisScript.all, over: link)
        link.flush()
    }

    func linkWasLost(_ link: RedisLink, _ loss: RedisLinkLoss) {
        self.scripts.removeAll()
    }

    func link(_ link: RedisLink, received pushes: [RedisPush]) {}
}

@available(*, unavailable)
extension RedisScriptCore: Sendable {}

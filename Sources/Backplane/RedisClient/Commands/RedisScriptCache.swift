/// The digests of the scripts that Redis has loaded. Loaded again over each new link, as the server may be another. Belongs to one event loop.
final class RedisScriptCache {
    /// By the script's name.
    private var digests: [String: String] = [:]

    /// Loads the scripts, once `link` is flushed. Where SCRIPT is not allowed, ``command(_:keys:bySource:)`` sends the source.
    func load(_ scripts: [RedisScript], over link: RedisLink) {
        for script in scripts {
            link.send(RESPCommand("SCRIPT", "LOAD", script.source)) { [weak self] result in
                guard case .success(let value) = result, let digest = value.text else { return }
                self?.digests[script.name] = digest
            }
        }
    }

    /// The link is lost.
    func removeAll() {
        self.digests = [:]
    }

    /// Redis does not have the script any longer.
    func remove(_ script: RedisScript) {
        self.digests[script.name] = nil
    }

    /// The start of a call; the arguments are to be appended.
    /// - Parameter bySource: whether to send the source, as is done until Redis has answered with the digest.
    func command(_ script: RedisScript, keys: [String], bySource: Bool = false) -> RESPCommand {
        var command =
            if !bySource, let digest = self.digests[script.name] { RESPCommand("EVALSHA", digest) } else {
                RESPCommand("EVAL", script.source)
            }
        command.append("\(keys.count)")
        for key in keys { command.append(key) }
        return command
    }
}

@available(*, unavailable)
extension RedisScriptCache: Sendable {}

/// What Redis calls the scripts that it knows. Learnt from each Redis that is linked to, as it may be a new one. Belongs to one event loop.
final class RedisScriptCache {
    /// By the script's name.
    private var digests: [String: String] = [:]

    /// Has Redis learn the scripts, once `link` is flushed. Where SCRIPT is not allowed, ``command(_:keys:bySource:)`` does without.
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

    /// Redis knows it no longer.
    func remove(_ script: RedisScript) {
        self.digests[script.name] = nil
    }

    /// The start of a call; the arguments are to be appended.
    /// - Parameter bySource: whether to send the script itself, as is done until Redis has named it.
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

/// The digests of the scripts that Redis has loaded. They are loaded again over each new link, because the server may be another
/// one. Belongs to one event loop.
final class RedisScriptCache {
    private let configuration: RedisConfiguration
    /// By the name of the script.
    private var digests: [String: String] = [:]

    init(configuration: RedisConfiguration) {
        self.configuration = configuration
    }

    private func source(of script: RedisScript) -> String {
        self.configuration.scriptReplacements.reduce(self.configuration.scriptPreamble + script.source) { source, replacement in
            source.replacing(replacement.key, with: replacement.value)
        }
    }

    /// Loads the scripts into Redis, once `link` is flushed. If SCRIPT is not permitted, ``command(_:keys:bySource:)`` sends the
    /// source instead.
    func load(_ scripts: [RedisScript], over link: RedisLink) {
        for script in scripts {
            link.send(RESPCommand("SCRIPT", "LOAD", self.source(of: script))) { [weak self] result in
                guard case .success(let value) = result, let digest = value.text else { return }
                self?.digests[script.name] = digest
            }
        }
    }

    /// Call this when the link is lost.
    func removeAll() {
        self.digests = [:]
    }

    /// Call this when Redis has lost the scripts. Until they are loaded again, their source is sent.
    func reload(_ scripts: [RedisScript], over link: RedisLink) {
        // Those without a digest are being loaded.
        let lost = scripts.filter { self.digests.removeValue(forKey: $0.name) != nil }
        self.load(lost, over: link)
    }

    /// The beginning of a command; the caller appends the arguments.
    /// - Parameter bySource: whether to send the source of the script. This is also done while its digest is not known.
    func command(_ script: RedisScript, keys: [String], bySource: Bool = false) -> RESPCommand {
        var command =
            if !bySource, let digest = self.digests[script.name] { RESPCommand("EVALSHA", digest) } else {
                RESPCommand("EVAL", self.source(of: script))
            }
        command.append("\(keys.count)")
        for key in keys { command.append(key) }
        return command
    }
}

@available(*, unavailable)
extension RedisScriptCache: Sendable {}

import NIOCore
import VolaryProtocol

extension OutgoingMessage {
    /// The command to publish the message: ``RedisScript/publish``, or SPUBLISH if the message is not logged.
    /// - Parameters:
    ///   - bySource: whether to send the source of the script.
    ///   - dataMayBeNew: whether the link was lost a moment ago. Other nodes may not have subscribed to their own topics again, and
    ///     Redis may not have the heads of these, so messages for them are logged in any case.
    func command(
        _ context: BrokerContext,
        _ scripts: RedisScriptCache,
        bySource: Bool,
        dataMayBeNew: Bool
    ) -> RESPCommand {
        let keys = context.keys(of: self.topic)
        guard self.isLogged else {
            var command = RESPCommand("SPUBLISH", keys.channel)
            command.append(self.bytes)
            return command
        }
        // Every node is subscribed to `all` of the default hub, so it needs no keys for topics without a subscriber.
        let store = self.topic == .all(.default) ? [] : self.topic.hub.map { context.storeKeys(of: $0).all } ?? []
        var command = scripts.command(.publish, keys: keys.all + store, bySource: bySource)
        command.append(keys.channel)
        command.append(self.bytes)
        command.append(bytesOf: context.newEpoch())
        for bound in context.logBounds.arguments { command.append(bound) }
        let isOptional = self.topic.hub.map { !$0.isDefault } ?? !dataMayBeNew
        if isOptional { command.append("1") }
        return command
    }
}

/// The answer of Redis to this command.
enum PublishAnswer {
    /// The number of nodes that are subscribed to the topic.
    case confirmed(receivers: Int)
    /// Redis does not have the script.
    case scriptIsMissing
    /// An error. Redis has not carried out the command.
    case refused(String)
    /// Not an answer of the script or of SPUBLISH.
    case malformed

    init(_ value: RESPValue) {
        switch value {
        case .integer(let receivers): self = .confirmed(receivers: Int(receivers))
        case .error where value.isMissingScript: self = .scriptIsMissing
        case .error(let text): self = .refused(text)
        case .array(let parts):
            if parts.count == 3, let receivers = parts[2].integer {
                self = .confirmed(receivers: Int(receivers))
            } else {
                self = .malformed
            }
        default: self = .malformed
        }
    }
}

extension BrokerError {
    /// The error for the caller of a message that Redis has refused.
    init(_ refusal: RedisErrorText.Refusal) {
        self =
            switch refusal {
            case .tooLarge: .tooLarge
            case .idleFull: .idleHistoryFull
            case .ofMessage, .ofServer: .refused
            }
    }
}

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
        var command = scripts.command(.publish, keys: keys.ordered, bySource: bySource)
        context.order.append(to: &command, in: self.topic.hub)
        command.append(context.logBounds.age)
        command.append(context.order.lane)
        command.append("\(self.sequence)")
        // Messages of this node have been answered before it gives up on them, or are sent again.
        command.append("0")
        command.append(bytesOf: context.newEpoch())
        for bound in context.logBounds.arguments { command.append(bound) }
        command.append(self.kind(dataMayBeNew: dataMayBeNew))
        command.append(keys.channel)
        command.append(self.bytes)
        return command
    }

    /// The kind of the topic, see ``RedisScript/topicLog``. Every node is subscribed to `all` of the default hub.
    private func kind(dataMayBeNew: Bool) -> String {
        switch self.topic.hub {
        case nil: dataMayBeNew ? "" : "node"
        case HubName.default?: self.topic == .all(.default) ? "" : "hub"
        case _?: "other"
        }
    }
}

/// The answer of Redis to this command.
enum PublishAnswer {
    /// The number of nodes that are subscribed to the topic; the message's place in the hub's order, nil if it has none or was
    /// executed before; and the history of Redis, unless the link has been told it.
    case confirmed(receivers: Int, Position?, history: String?)
    /// Redis does not have the script.
    case scriptIsMissing
    /// An error. Redis has not carried out the command.
    case refused(String)
    /// Not an answer of the script or of SPUBLISH.
    case malformed

    init(_ value: RESPValue) {
        switch value {
        case .integer(let receivers): self = .confirmed(receivers: Int(receivers), nil, history: nil)
        case .error where value.isMissingScript: self = .scriptIsMissing
        case .error(let text): self = .refused(text)
        case .array(let parts):
            guard (3...4).contains(parts.count), let receivers = parts[0].integer,
                let epoch = parts[1].integer.flatMap(UInt64.init(exactly:)),
                let number = parts[2].integer.flatMap(UInt64.init(exactly:))
            else {
                self = .malformed
                return
            }
            let position = number > 0 ? Position(epoch: epoch, number: number) : nil
            self = .confirmed(receivers: Int(receivers), position, history: parts.count == 4 ? parts[3].text : nil)
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

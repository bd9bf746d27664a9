import NIOCore
import VolaryProtocol

/// Messages on the channels of a hub. All integers are big-endian.
///
///     on a topic's channel
///     "L"  epoch of the log (8), offset (8), epoch of the hub (8), number (8), number before it in the topic (8), then an envelope
///
///     on a node's channel of the hub
///     "S"  an entry of a session's own topic: epoch (8), number (8), number before it (8), connection (32 digits), then the entry, see
///          `ControlEntryCodec`
///     "M"  the hub's position: epoch (8), number (8)
///     "F"  a session has another owner: connection (32 digits), epoch (8) and number (8) of the fence
///     "X"  a session was closed: connection (32 digits), then the reason
enum HubFrame {
    private static let idDigits = 32

    /// - Returns: nil for a message that has no position: it may have been for a session.
    static func event(_ payload: ByteBuffer, on topic: Audience) -> HubLinkEvent? {
        var bytes = payload
        guard bytes.readInteger(as: UInt8.self) == UInt8(ascii: "L"),
            let (_, _, epoch, number, previous) = bytes.readMultipleIntegers(as: (UInt64, UInt64, UInt64, UInt64, UInt64).self)
        else { return nil }
        let content = self.content(envelope: bytes)
        let entry = LogEntry(number: number, previous: previous, topic: topic, time: 0, content: content)
        return .entry(entry, epoch: epoch)
    }

    /// A message on the node's own channel.
    /// - Returns: nil for a kind that this node does not know.
    static func event(_ payload: ByteBuffer) -> HubLinkEvent? {
        var bytes = payload
        switch bytes.readInteger(as: UInt8.self) {
        case UInt8(ascii: "S"):
            guard let (epoch, number, previous) = bytes.readMultipleIntegers(as: (UInt64, UInt64, UInt64).self),
                let id = self.readID(&bytes)
            else { return nil }
            let content = ControlEntryCodec.decode(bytes)
            let entry = LogEntry(number: number, previous: previous, topic: .connection(id), time: 0, content: content)
            return .entry(entry, epoch: epoch)
        case UInt8(ascii: "M"): return self.readPosition(&bytes).map { .mark($0) }
        case UInt8(ascii: "F"):
            guard let id = self.readID(&bytes), let position = self.readPosition(&bytes) else { return nil }
            return .fenced(id, by: Fence(position))
        case UInt8(ascii: "X"): return self.readID(&bytes).map { .closed($0, reason: String(buffer: bytes)) }
        default: return nil
        }
    }

    /// The content of an entry of a topic that is not a session's own.
    static func content(envelope bytes: ByteBuffer) -> LogEntry.Content {
        guard let envelope = try? Envelope(decoding: bytes) else {
            // A log holds what nodes write; rubbish on a channel has no position.
            return Envelope.concernsNodesOnly(bytes) ? .other : .unreadable
        }
        switch envelope.message {
        case .publication(let publication): return .publication(HubPublication(publication))
        case .audience(let command): return .command(command.id)
        default: return .other
        }
    }

    private static func readID(_ bytes: inout ByteBuffer) -> ConnectionID? {
        bytes.readString(length: self.idDigits).flatMap { ConnectionID($0) }
    }

    private static func readPosition(_ bytes: inout ByteBuffer) -> Position? {
        bytes.readMultipleIntegers(as: (UInt64, UInt64).self).map { Position(epoch: $0.0, number: $0.1) }
    }
}

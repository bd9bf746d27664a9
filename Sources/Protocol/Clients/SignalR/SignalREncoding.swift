public import NIOCore

/// An encoding of records.
public enum SignalREncoding: String, Hashable, Sendable, CaseIterable {
    /// Each record is a JSON text, and then a byte 0x1E.
    case json
    /// Each record is its length, and then a value of MessagePack.
    case messagePack = "messagepack"

    /// The end of a JSON record, and of the handshake's request and answer.
    public static let separator: UInt8 = 0x1E

    /// Reads a record.
    /// - Parameter content: without its separator or length.
    /// - Returns: nil for a record of an unknown type, which has no effect.
    /// - Throws: ``ProtocolViolation/signalRMalformed``.
    public func record(_ content: ByteBuffer) throws(ProtocolViolation) -> SignalRRecord? {
        switch self {
        case .json: try SignalRRecord.parse(json: content)
        case .messagePack: try SignalRRecord.parse(messagePack: content)
        }
    }

    /// - Returns: the record with its separator or length.
    public func encode(_ record: SignalRRecord) -> ByteBuffer {
        switch self {
        case .json: record.json
        case .messagePack: record.messagePack
        }
    }

    /// A message of the WebSocket: JSON is text, MessagePack is binary.
    public func message(_ record: SignalRRecord) -> ClientMessage {
        switch self {
        case .json: .text(record.json)
        case .messagePack: .binary(record.messagePack)
        }
    }
}

extension ProtocolViolation {
    /// A record that has no meaning, or is longer than the limit. Nothing of it is told: the text goes to the client.
    public static let signalRMalformed = ProtocolViolation(.normal, "Connection closed with an error.")
}

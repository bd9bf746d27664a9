import NIOCore
import VolaryProtocol

/// What is published on a topic's channel. The first byte tells them apart.
///
///     "V"  an envelope, see `EnvelopeCodec`: it has no position in a log
///     "L"  epoch 8, offset 8, big-endian, and then an envelope
enum BrokerFrame {
    case plain(ByteBuffer)
    case logged(LogPosition, ByteBuffer)

    private static let loggedMark = UInt8(ascii: "L")

    /// - Throws: for what begins as a logged message and ends too soon, or has an offset that no log has. The envelope itself is not
    ///   checked.
    init(_ payload: ByteBuffer) throws(EnvelopeError) {
        var bytes = payload
        guard bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) == Self.loggedMark else {
            self = .plain(payload)
            return
        }
        bytes.moveReaderIndex(forwardBy: 1)
        guard let (epoch, offset) = bytes.readMultipleIntegers(as: (UInt64, UInt64).self) else { throw .truncated }
        guard LogPosition.offsets.contains(offset) else { throw .invalid(field: "offset") }
        self = .logged(LogPosition(epoch: epoch, offset: offset), bytes)
    }
}

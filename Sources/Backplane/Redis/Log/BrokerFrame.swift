import NIOCore
import VolaryProtocol

/// A message on a topic's channel. The first byte is its type:
///
///     "V"  an envelope without a position in the log, see `EnvelopeCodec`
///     "L"  epoch (8 bytes), offset (8 bytes), both big-endian, then an envelope
enum BrokerFrame {
    case plain(ByteBuffer)
    case logged(LogPosition, ByteBuffer)

    private static let loggedMark = UInt8(ascii: "L")

    /// - Throws: for a logged message that is too short or has an offset outside of ``LogPosition/offsets``. The envelope
    ///   itself is not checked.
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

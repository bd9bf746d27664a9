import NIOCore
import VolaryProtocol

/// A message on a topic's channel. The first byte is its type:
///
///     "V"  an envelope without a position in the log, see `EnvelopeCodec`
///     "L"  five integers of 8 bytes, big-endian: epoch and offset in the topic's log; epoch and number in the hub's order; the
///          number before it in the topic, 0 for the first; then an envelope
enum BrokerFrame {
    case plain(ByteBuffer)
    /// - epoch: of the hub's order.
    case logged(LogPosition, previous: UInt64, epoch: UInt64, ByteBuffer)

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
        guard
            let (epoch, offset, order, number, previous) = bytes.readMultipleIntegers(
                as: (UInt64, UInt64, UInt64, UInt64, UInt64).self
            )
        else { throw .truncated }
        guard LogPosition.offsets.contains(offset) else { throw .invalid(field: "offset") }
        guard LogPosition.offsets.contains(number), previous < number else { throw .invalid(field: "number") }
        self = .logged(LogPosition(epoch: epoch, offset: offset, number: number), previous: previous, epoch: order, bytes)
    }
}

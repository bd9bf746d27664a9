import NIOCore
import VolaryProtocol

/// Publications for one audience of a hub, queued for delivery on an event loop.
struct FanOut: Sendable {
    /// Maximum size of publications that are joined into one write: 64 KiB. Above it, copying costs more than another write.
    private static let joinedBytes = 64 * 1024

    let audience: HubAudience
    /// For some connections of the audience only; nil: for all.
    let selection: PublicationDetails?
    private let batch: EncodedBatch
    /// Later batches that are delivered together with the first one.
    private var joined: [EncodedBatch] = []
    /// Approximate encoded size of all batches.
    private(set) var bytes: Int
    private var done: [@Sendable (FanOutReach) -> Void]

    /// - Parameters:
    ///   - bytes: approximate encoded size of the batch.
    ///   - done: called on the event loop with the connections that accepted the batch.
    init(
        _ batch: EncodedBatch,
        to audience: HubAudience,
        selection: PublicationDetails? = nil,
        bytes: Int,
        done: @escaping @Sendable (FanOutReach) -> Void
    ) {
        self.batch = batch
        self.audience = audience
        self.selection = selection
        self.bytes = bytes
        self.done = [done]
    }

    /// Joins the next fan-out, so that both cost each connection one write.
    /// - Returns: false when they cannot be joined; nothing has changed in that case.
    mutating func join(_ next: FanOut) -> Bool {
        guard next.audience == self.audience, self.selection == nil, next.selection == nil, next.joined.isEmpty,
            self.bytes + next.bytes <= Self.joinedBytes
        else {
            return false
        }
        self.joined.append(next.batch)
        self.bytes += next.bytes
        self.done += next.done
        return true
    }

    func form(_ encoding: ClientEncoding, deflater: @autoclosure () -> Deflater) -> EncodedForm {
        var form = self.batch.form(encoding, deflater: deflater())
        for next in self.joined { form.append(next.form(encoding, deflater: deflater())) }
        return form
    }

    func finish(_ reach: FanOutReach) {
        for done in self.done { done(reach) }
    }
}

import NIOCore
import VolaryProtocol

/// Publications on their way to an audience, as an event loop has them to deliver.
struct FanOut: Sendable {
    /// Up to here what waits together is put together: 64 KiB. From there on the bytes themselves cost more than another write.
    private static let joinedBytes = 64 * 1024

    let audience: Audience
    private let batch: EncodedBatch
    /// Those that came after it and are delivered with it.
    private var joined: [EncodedBatch] = []
    /// About what all of them take, once encoded.
    private var bytes: Int
    private var done: [@Sendable (UInt32) -> Void]

    /// - Parameters:
    ///   - bytes: about what the batch takes, once encoded.
    ///   - done: called on the event loop with how many connections took the batch.
    init(_ batch: EncodedBatch, to audience: Audience, bytes: Int, done: @escaping @Sendable (UInt32) -> Void) {
        self.batch = batch
        self.audience = audience
        self.bytes = bytes
        self.done = [done]
    }

    /// Takes in the one that comes next, so that both cost each connection one write.
    /// - Returns: false when they have to go one after the other; nothing has changed then.
    mutating func join(_ next: FanOut) -> Bool {
        guard next.audience == self.audience, next.joined.isEmpty, self.bytes + next.bytes <= Self.joinedBytes else {
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

    func finish(reached: UInt32) {
        for done in self.done { done(reached) }
    }
}

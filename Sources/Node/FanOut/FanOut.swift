import NIOCore
import VolaryProtocol

/// Frames on their way to an audience, as an event loop has them to deliver.
struct FanOut: Sendable {
    /// Up to here what waits together is put together: 64 KiB. From there on the bytes themselves cost more than another write.
    private static let joinedBytes = 64 * 1024

    let audience: Audience
    private(set) var frames: ByteBuffer
    /// In the order of `frames`; empty when no connection of the node inflates.
    private(set) var compressed: [CompressedFrames]
    private var done: [@Sendable (UInt32) -> Void]

    /// - Parameter done: called on the event loop with how many connections took the frames.
    init(
        to audience: Audience,
        frames: ByteBuffer,
        compressed: CompressedFrames?,
        done: @escaping @Sendable (UInt32) -> Void
    ) {
        self.audience = audience
        self.frames = frames
        self.compressed = compressed.map { [$0] } ?? []
        self.done = [done]
    }

    /// Takes in the one that comes next, so that both cost each connection one write.
    /// - Returns: false when they have to go one after the other; nothing has changed then.
    mutating func join(_ next: FanOut) -> Bool {
        guard next.audience == self.audience, next.compressed.isEmpty == self.compressed.isEmpty,
            self.frames.readableBytes + next.frames.readableBytes <= Self.joinedBytes
        else { return false }
        self.frames.writeImmutableBuffer(next.frames)
        self.compressed += next.compressed
        self.done += next.done
        return true
    }

    func finish(reached: UInt32) {
        for done in self.done { done(reached) }
    }
}

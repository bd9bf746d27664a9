import NIOCore
import NIOEmbedded

@testable import VolaryBackplane

enum LinkFuzz {
    private final class Transcript {
        var replies: [Result<RESPValue, RedisLinkError>] = []
        var pushes: [RedisPush] = []
        var closes = 0
    }

    /// For the links of a publisher and of a subscriber: each command is answered once, the link ends once, and the results
    /// before the end do not depend on how the bytes are split.
    static func check(_ input: [UInt8]) throws(FuzzFailure) {
        guard let subscribes = input.first.map({ $0 & 1 == 1 }) else { return }
        let (whole, parts) = parts(of: Array(input.dropFirst()))
        let (uncut, cut) = (self.run([whole], subscribes: subscribes), self.run(parts, subscribes: subscribes))
        for transcript in [uncut, cut] {
            try hold(transcript.replies.count == (subscribes ? 1 : 3), "\(transcript.replies.count) answers")
            try hold(transcript.closes == 1, "it ended \(transcript.closes) times")
        }
        try hold(uncut.pushes == cut.pushes, "split: \(cut.pushes), whole: \(uncut.pushes)")
        let (before, after) = (uncut.replies.map { try? $0.get() }, cut.replies.map { try? $0.get() })
        try hold(before == after, "split: \(after), whole: \(before)")
    }

    private static func run(_ parts: [ArraySlice<UInt8>], subscribes: Bool) -> Transcript {
        let transcript = Transcript()
        let handler = RedisChannelHandler(timeout: .seconds(1), subscribes: subscribes)
        let channel = EmbeddedChannel(handler: handler)
        handler.onPushes = { transcript.pushes += $0 }
        handler.onClose = { _ in transcript.closes += 1 }
        if subscribes { handler.sendSubscription(RESPCommand("SSUBSCRIBE", "volary:2:h:{default}:t:all"), channels: 1) }
        for _ in 0..<(subscribes ? 1 : 3) { handler.send(RESPCommand("PING")) { transcript.replies.append($0) } }
        handler.flush()
        for part in parts {
            channel.pipeline.fireChannelRead(ByteBuffer(bytes: part))
            channel.pipeline.fireChannelReadComplete()
        }
        handler.close(reason: "the end")
        _ = try? channel.finish(acceptAlreadyClosed: true)
        return transcript
    }

    static var seeds: [[UInt8]] {
        let subscribed = "*3\r\n$10\r\nssubscribe\r\n$26\r\nvolary:2:h:{default}:t:all\r\n:1\r\n"
        let message = "*3\r\n$8\r\nsmessage\r\n$26\r\nvolary:2:h:{default}:t:all\r\n$3\r\nxyz\r\n"
        return ["+PONG\r\n:1\r\n*1\r\n$1\r\nx\r\n", "-ERR no\r\n+OK\r\n$-1\r\n"].map { [0, 77] + Array($0.utf8) }
            + [subscribed + message + "*2\r\n$4\r\npong\r\n$0\r\n\r\n" + message, message, "-NOPERM no\r\n"].map {
                [1, 77] + Array($0.utf8)
            }
    }
}

import NIOCore
import NIOEmbedded
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// RFC 6455 at the socket: input bytes, split at every position, and output bytes. Each row is one requirement for servers. The
/// requirements for the handshake are in UpgradeHandlerTests and BadRequestTests, those that depend on time in
/// ClosingHandshakeTests. 1003 is never sent, because both kinds of data are accepted.
@Suite
struct DutiesTests {
    struct Duty: CustomTestStringConvertible {
        let section: String
        let duty: String
        let bytes: [UInt8]
        /// Output to the client, in order. If the last frame is a close, it closes the server's half.
        let frames: [ServerFrame]

        init(_ section: String, _ duty: String, _ bytes: [UInt8], _ frames: ServerFrame...) {
            self.section = section
            self.duty = duty
            self.bytes = bytes
            self.frames = frames
        }

        var testDescription: String { "\(self.section) \(self.duty)" }
        var ends: Bool { if case .close? = self.frames.last { true } else { false } }
    }

    private static let handshake = Array(
        "GET /echo HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            .utf8
    )

    private static let duties: [Duty] = [
        Duty("5.1", "a frame that is not masked: 1002", [0x81, 1, 0x61], .refused(.notMasked)),
        Duty("5.2", "RSV1 without an extension: 1002", ClientFrame.frame(0x41, [0x61]), .refused(.reservedBits)),
        Duty("5.2", "RSV2: 1002", ClientFrame.frame(0x22, [0x61]), .refused(.reservedBits)),
        Duty("5.2", "RSV3: 1002", ClientFrame.frame(0x19, []), .refused(.reservedBits)),
        Duty("5.2", "a reserved opcode for data: 1002", ClientFrame.frame(3, []), .refused(.reservedOpcode)),
        Duty("5.2", "a reserved opcode for control: 1002", ClientFrame.frame(11, []), .refused(.reservedOpcode)),
        Duty("5.2", "16 bits for a length of 125: 1002", [0x81, 0xFE, 0, 125], .refused(.lengthNotMinimal)),
        Duty(
            "5.2",
            "64 bits for a length of 65,535: 1002",
            [0x81, 0xFF, 0, 0, 0, 0, 0, 0, 255, 255],
            .refused(.lengthNotMinimal)
        ),
        Duty(
            "5.2",
            "the highest bit of a length: 1002",
            [0x81, 0xFF, 128, 0, 0, 0, 0, 0, 0, 0],
            .refused(.lengthOutOfRange)
        ),
        Duty(
            "5.4",
            "fragments are one message, pings between them are answered at once",
            ClientFrame.text("Grü", isFinal: false) + ClientFrame.ping("1") + ClientFrame.continuation("", isFinal: false)
                + ClientFrame.continuation("ße"),
            .pong([0x31]),
            .text("Grüße")
        ),
        Duty("5.4", "nothing to continue: 1002", ClientFrame.continuation("a"), .refused(.nothingToContinue)),
        Duty(
            "5.4",
            "a message inside another: 1002",
            ClientFrame.text("a", isFinal: false) + ClientFrame.text("b"),
            .refused(.messageNotFinished)
        ),
        Duty("5.5", "a fragmented ping: 1002", ClientFrame.frame(9, [], isFinal: false), .refused(.controlFrameFragmented)),
        Duty(
            "5.5",
            "a ping of 126 bytes: 1002",
            ClientFrame.frame(9, Array(repeating: 0, count: 126)),
            .refused(.controlFrameTooLong)
        ),
        Duty("5.5.1", "a close is echoed with its code", ClientFrame.close(1000, "bye"), .close(1000, "")),
        Duty("5.5.1", "a close without a code is echoed without one", ClientFrame.close(), .close(nil, "")),
        Duty(
            "5.5.1",
            "nothing after a close is looked at, and it is echoed once",
            ClientFrame.close(1001) + ClientFrame.text("a") + ClientFrame.ping() + ClientFrame.close(1002) + [0xFF, 0xFF],
            .close(1001, "")
        ),
        Duty("5.5.1", "a close of one byte: 1002", ClientFrame.frame(8, [3]), .refused(.closeCodeTruncated)),
        Duty(
            "5.5.1",
            "a close in the middle of a message ends both",
            ClientFrame.text("a", isFinal: false) + ClientFrame.close(1000) + ClientFrame.continuation("b"),
            .close(1000, "")
        ),
        Duty("5.5.2", "a ping is answered with what it carries", ClientFrame.ping("abc"), .pong(Array("abc".utf8))),
        Duty("5.5.3", "a pong is answered with nothing", ClientFrame.pong("abc") + ClientFrame.ping(), .pong([])),
        Duty("5.6", "text comes back as text", ClientFrame.text("é"), .text("é")),
        Duty(
            "7.1.7",
            "after a violation nothing is looked at",
            ClientFrame.frame(3, []) + ClientFrame.ping(),
            .refused(.reservedOpcode)
        ),
        Duty("7.4.1", "a code that may not be sent: 1002", ClientFrame.close(1005), .refused(.closeCodeNotAllowed)),
        Duty("7.4.2", "a code below 1000: 1002", ClientFrame.close(999), .refused(.closeCodeNotAllowed)),
        Duty("7.4.2", "an application's code is echoed", ClientFrame.close(4999), .close(4999, "")),
        Duty("8.1", "text that is not UTF-8: 1007", ClientFrame.frame(1, [0x61, 0xFF]), .refused(.textNotUTF8)),
        Duty("8.1", "text that ends in a character: 1007", ClientFrame.frame(1, [0xC3]), .refused(.textNotUTF8)),
        Duty(
            "8.1",
            "wrong text in a fragment: 1007, before the message is whole",
            ClientFrame.frame(1, [0xED, 0xA0], isFinal: false),
            .refused(.textNotUTF8)
        ),
        Duty("8.1", "a reason that is not UTF-8: 1007", ClientFrame.frame(8, [3, 232, 0xFF]), .refused(.closeReasonNotUTF8)),
        Duty(
            "10.4",
            "a message too long: 1009, at its header",
            [0x82, 0xFF, 0, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4],
            .refused(.messageTooBig)
        ),
    ]

    @Test(arguments: Self.duties)
    func `A duty is met however its bytes arrive`(duty: Duty) async throws {
        var splits = (0...duty.bytes.count).map { [Array(duty.bytes[..<$0]), Array(duty.bytes[$0...])] }
        splits.append(duty.bytes.map { [$0] })
        for parts in splits {
            await Task.yield()
            let server = try EmbeddedServer()
            server.receive(Self.handshake)
            _ = try server.sent()
            for part in parts where !part.isEmpty { server.receive(part) }
            var sent = try server.sent()
            let frames = ServerFrame.read(&sent)
            guard frames == duty.frames, sent.readableBytes == 0, server.wire.outputIsClosed == duty.ends else {
                Issue.record(
                    "parts of \(parts.map(\.count)) were answered with \(frames)\(server.wire.outputIsClosed ? ", the end" : "")"
                )
                return
            }
        }
    }
}

extension ServerFrame {
    fileprivate static func refused(_ violation: ProtocolViolation) -> ServerFrame {
        .close(violation.closeCode.rawValue, violation.reason)
    }
}

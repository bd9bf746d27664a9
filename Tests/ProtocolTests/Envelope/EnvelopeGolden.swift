import NIOCore
import Testing
import VolaryProtocol

/// An envelope and its bytes, written out by hand. Nodes of different builds meet in one cluster: what breaks these breaks
/// them.
struct EnvelopeGolden: CustomTestStringConvertible {
    let testDescription: String
    let envelope: Envelope
    let hex: String
    /// Bytes before a payload or reason that runs to the end and may have any length.
    let fixedBytes: Int

    var bytes: [UInt8] { Self.bytes(self.hex) }

    static func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.filter { !$0.isWhitespace }.map { UInt8($0.hexDigitValue!) }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] * 16 + digits[$0 + 1] }
    }
}

extension EnvelopeGolden {
    static let origin = NodeID(rawValue: 0x0A0B_0C0D)
    static let id = PublicationID("00112233445566778899aabb0a0b0c0d")!
    static let connection = ConnectionID("ffeeddccbbaa99887766554401020304")!
    static let target = ConnectionID("0f1e2d3c4b5a69788796a5b4deadbeef")!

    static let audiences: [Audience] = [
        .all, .connection(target), .group(AudienceName("g")!), .user(AudienceName(String(repeating: "u", count: 1024))!),
        .group(AudienceName("/staff\u{301} \n{}")!), .user(AudienceName(String(repeating: "😀", count: 512))!),
    ]

    static let all: [EnvelopeGolden] = [
        EnvelopeGolden(
            testDescription: "a publication with all there is",
            envelope: Envelope(
                origin: origin,
                sequence: 0x0102_0304_0506_0708,
                message: .publication(
                    Publication(
                        id: id,
                        kind: .message,
                        sender: connection,
                        hub: HubName("chat")!,
                        audience: .connection(target),
                        dataType: .text,
                        timestamp: 1_781_330_400_000,
                        confirmation: .routed,
                        payload: ByteBuffer(string: "Hi é")
                    )
                )
            ),
            hex: """
                56 02 01 02 0a0b0c0d 0102030405060708 04
                01 0004 63686174 02 0010 ffeeddccbbaa99887766554401020304 03 0010 0f1e2d3c4b5a69788796a5b4deadbeef 06 0000
                00112233445566778899aabb0a0b0c0d 02 01 0000019ebf90d300
                48 69 20 c3a9
                """,
            fixedBytes: 91
        ),
        EnvelopeGolden(
            testDescription: "a publication with the least there is",
            envelope: Envelope(
                origin: NodeID(rawValue: 0),
                sequence: .max,
                message: .publication(
                    Publication(
                        id: id,
                        kind: .serverBroadcast,
                        hub: .default,
                        dataType: .binary,
                        timestamp: -1,
                        payload: ByteBuffer()
                    )
                )
            ),
            hex: """
                56 02 01 02 00000000 ffffffffffffffff 00
                00112233445566778899aabb0a0b0c0d 03 02 ffffffffffffffff
                """,
            fixedBytes: 43
        ),
        EnvelopeGolden(
            testDescription: "a publication with a sender only",
            envelope: Envelope(
                origin: origin,
                sequence: 1,
                message: .publication(
                    Publication(
                        id: id,
                        kind: .system,
                        sender: connection,
                        hub: .default,
                        dataType: .binary,
                        timestamp: 256,
                        payload: ByteBuffer(bytes: [0xFF, 0x00])
                    )
                )
            ),
            hex: """
                56 02 01 02 0a0b0c0d 0000000000000001 01
                02 0010 ffeeddccbbaa99887766554401020304
                00112233445566778899aabb0a0b0c0d 01 02 0000000000000100 ff 00
                """,
            fixedBytes: 62
        ),
        EnvelopeGolden(
            testDescription: "a publication for a group, with a receipt once written",
            envelope: Envelope(
                origin: origin,
                sequence: 1,
                message: .publication(
                    Publication(
                        id: id,
                        kind: .serverBroadcast,
                        hub: .default,
                        audience: .group(AudienceName("g-1")!),
                        dataType: .binary,
                        timestamp: 256,
                        confirmation: .written(milliseconds: 800),
                        payload: ByteBuffer(bytes: [0x01])
                    )
                )
            ),
            hex: """
                56 02 01 02 0a0b0c0d 0000000000000001 02
                04 0003 672d31 06 0004 00000320
                00112233445566778899aabb0a0b0c0d 03 02 0000000000000100 01
                """,
            fixedBytes: 56
        ),
        EnvelopeGolden(
            testDescription: "a publication for a user",
            envelope: Envelope(
                origin: origin,
                sequence: 1,
                message: .publication(
                    Publication(
                        id: id,
                        kind: .serverBroadcast,
                        hub: .default,
                        audience: .user(AudienceName("al@x")!),
                        dataType: .binary,
                        timestamp: 256,
                        payload: ByteBuffer()
                    )
                )
            ),
            hex: """
                56 02 01 02 0a0b0c0d 0000000000000001 01
                05 0004 616c4078
                00112233445566778899aabb0a0b0c0d 03 02 0000000000000100
                """,
            fixedBytes: 50
        ),
        EnvelopeGolden(
            testDescription: "a membership in a hub",
            envelope: Envelope(
                origin: origin,
                sequence: 2,
                message: .membership(
                    MembershipRequest(
                        id: id,
                        hub: HubName("A.b")!,
                        connection: connection,
                        group: AudienceName("g")!,
                        joins: true
                    )
                )
            ),
            hex: """
                56 02 04 02 0a0b0c0d 0000000000000002 01 01 0003 612e62
                00112233445566778899aabb0a0b0c0d ffeeddccbbaa99887766554401020304 01 67
                """,
            fixedBytes: 56
        ),
        EnvelopeGolden(
            testDescription: "receipts",
            envelope: Envelope(
                origin: origin,
                sequence: 2,
                message: .receipts([
                    Receipt(id: id, connections: 3), Receipt(id: PublicationID(target.description)!, connections: .max),
                ])
            ),
            hex: """
                56 02 02 02 0a0b0c0d 0000000000000002 00 0002
                00112233445566778899aabb0a0b0c0d 00000003
                0f1e2d3c4b5a69788796a5b4deadbeef ffffffff
                """,
            fixedBytes: 59
        ),
        EnvelopeGolden(
            testDescription: "no receipts",
            envelope: Envelope(origin: origin, sequence: 2, message: .receipts([])),
            hex: "56 02 02 02 0a0b0c0d 0000000000000002 00 0000",
            fixedBytes: 19
        ),
        EnvelopeGolden(
            testDescription: "a close request",
            envelope: Envelope(
                origin: origin,
                sequence: 3,
                message: .close(
                    CloseRequest(id: id, hub: .default, connection: target, code: .policyViolation, reason: "no é")
                )
            ),
            hex: """
                56 02 03 02 0a0b0c0d 0000000000000003 00
                00112233445566778899aabb0a0b0c0d 0f1e2d3c4b5a69788796a5b4deadbeef 03f0 6e 6f 20 c3a9
                """,
            fixedBytes: 51
        ),
        EnvelopeGolden(
            testDescription: "a drain request",
            envelope: Envelope(origin: origin, sequence: 4, message: .drain(id)),
            hex: "56 02 05 02 0a0b0c0d 0000000000000004 00 00112233445566778899aabb0a0b0c0d",
            fixedBytes: 33
        ),
        EnvelopeGolden(
            testDescription: "a probe",
            envelope: Envelope(origin: origin, sequence: 5, message: .probe(id)),
            hex: "56 02 06 02 0a0b0c0d 0000000000000005 00 00112233445566778899aabb0a0b0c0d",
            fixedBytes: 33
        ),
        EnvelopeGolden(
            testDescription: "what a client has posted",
            envelope: Envelope(
                origin: origin,
                sequence: 6,
                message: .transportRequest(
                    TransportRequest(
                        id: id,
                        hub: HubName("chat")!,
                        connection: target,
                        user: AudienceName("u")!,
                        action: .post(ByteBuffer(string: "hi"))
                    )
                )
            ),
            hex: """
                56 02 0c 02 0a0b0c0d 0000000000000006 01 01 0004 63686174
                00112233445566778899aabb0a0b0c0d 0f1e2d3c4b5a69788796a5b4deadbeef 01 0001 75 6869
                """,
            fixedBytes: 60
        ),
        EnvelopeGolden(
            testDescription: "the answer to a poll",
            envelope: Envelope(
                origin: origin,
                sequence: 7,
                message: .transportAnswer(TransportAnswer(id: id, outcome: .data, body: ByteBuffer(bytes: [0xFF])))
            ),
            hex: "56 02 0d 02 0a0b0c0d 0000000000000007 00 00112233445566778899aabb0a0b0c0d 03 ff",
            fixedBytes: 34
        ),
        EnvelopeGolden(
            testDescription: "a question about a publication",
            envelope: Envelope(
                origin: origin,
                sequence: 5,
                message: .trace(TraceMessage(id: id, content: .question(id, facts: ByteBuffer())))
            ),
            hex: """
                56 02 0e 02 0a0b0c0d 0000000000000005 00
                00112233445566778899aabb0a0b0c0d 01 00112233445566778899aabb0a0b0c0d
                """,
            fixedBytes: 50
        ),
        EnvelopeGolden(
            testDescription: "what a node knows of a publication",
            envelope: Envelope(
                origin: origin,
                sequence: 5,
                message: .trace(TraceMessage(id: id, content: .answer(ByteBuffer(string: "{}"))))
            ),
            hex: "56 02 0e 02 0a0b0c0d 0000000000000005 00 00112233445566778899aabb0a0b0c0d 02 7b7d",
            fixedBytes: 34
        ),
        EnvelopeGolden(
            testDescription: "a publication with all details",
            envelope: Envelope(
                origin: origin,
                sequence: 1,
                message: .publication(
                    Publication(
                        id: id,
                        kind: .message,
                        hub: .default,
                        dataType: .protobuf,
                        timestamp: 256,
                        details: PublicationDetails(
                            senderUser: AudienceName("ann"),
                            metadata: MessageMetadata([.init("k", "v"), .init("l", "")])!,
                            secondsToLive: 300,
                            excluded: [connection, target],
                            filter: try! PubSubFilter(parsing: "true")
                        ),
                        payload: ByteBuffer(bytes: [0xFF])
                    )
                )
            ),
            hex: """
                56 02 01 02 0a0b0c0d 0000000000000001 05
                07 0003 616e6e 08 000b 0001 6b 0001 76 0001 6c 0000 09 0002 012c
                0a 0020 0f1e2d3c4b5a69788796a5b4deadbeef ffeeddccbbaa99887766554401020304 0b 0004 74727565
                00112233445566778899aabb0a0b0c0d 02 04 0000000000000100 ff
                """,
            fixedBytes: 110
        ),
        EnvelopeGolden(
            testDescription: "a command to close the connections of a group",
            envelope: Envelope(
                origin: origin,
                sequence: 2,
                message: .audience(
                    AudienceCommand(
                        id: id,
                        hub: HubName("chat")!,
                        audience: .group(AudienceName("g")!),
                        selection: PublicationDetails(excluded: [target]),
                        timestamp: 256,
                        action: .close(text: "é")
                    )
                )
            ),
            hex: """
                56 02 07 02 0a0b0c0d 0000000000000002 03
                01 0004 63686174 04 0001 67 0a 0010 0f1e2d3c4b5a69788796a5b4deadbeef
                00112233445566778899aabb0a0b0c0d 0000000000000100 01 c3a9
                """,
            fixedBytes: 72
        ),
        EnvelopeGolden(
            testDescription: "a command to leave all groups",
            envelope: Envelope(
                origin: origin,
                sequence: 2,
                message: .audience(
                    AudienceCommand(id: id, hub: .default, audience: .user(AudienceName("u")!), timestamp: -1, action: .leaveAll)
                )
            ),
            hex: """
                56 02 07 02 0a0b0c0d 0000000000000002 01
                05 0001 75
                00112233445566778899aabb0a0b0c0d ffffffffffffffff 04
                """,
            fixedBytes: 46
        ),
        EnvelopeGolden(
            testDescription: "a command to join groups",
            envelope: Envelope(
                origin: origin,
                sequence: 2,
                message: .audience(
                    AudienceCommand(
                        id: id,
                        hub: .default,
                        audience: .all,
                        selection: PublicationDetails(filter: try! PubSubFilter(parsing: "true")),
                        timestamp: 1,
                        action: .join([AudienceName("a")!, AudienceName("bc")!])
                    )
                )
            ),
            hex: """
                56 02 07 02 0a0b0c0d 0000000000000002 01
                0b 0004 74727565
                00112233445566778899aabb0a0b0c0d 0000000000000001 02 0001 61 0002 6263
                """,
            fixedBytes: 49
        ),
        EnvelopeGolden(
            testDescription: "a permission",
            envelope: Envelope(
                origin: origin,
                sequence: 2,
                message: .permission(
                    PermissionRequest(
                        id: id,
                        hub: .default,
                        connection: target,
                        action: .revoke,
                        permission: .sendToGroup,
                        group: AudienceName("g")
                    )
                )
            ),
            hex: """
                56 02 08 02 0a0b0c0d 0000000000000002 00
                00112233445566778899aabb0a0b0c0d 0f1e2d3c4b5a69788796a5b4deadbeef 02 02 67
                """,
            fixedBytes: 51
        ),
    ]
}

import NIOCore
import Testing

@testable import VolaryProtocol

/// Handshakes, and where records begin and end.
@Suite
struct SignalRFramingTests {
    private static func handshake(_ json: String) -> Result<SignalRHandshake, SignalRHandshake.Refusal> {
        do throws(SignalRHandshake.Refusal) {
            return .success(try SignalRHandshake(parsing: ByteBuffer(string: json)))
        } catch {
            return .failure(error)
        }
    }

    @Test(
        arguments: [
            (#"{"protocol":"json","version":1}"#, .json, 1), (#"{"protocol":"messagepack","version":1}"#, .messagePack, 1),
            (#"{"version":0,"protocol":"JSON"}"#, .json, 0),
            (#" {"protocol":"MessagePack","version":2,"x":{"y":[]}} "#, .messagePack, 2),
        ] as [(String, SignalREncoding, UInt64)]
    )
    func `A handshake names an encoding and its version`(json: String, encoding: SignalREncoding, version: UInt64) throws {
        let handshake = try Self.handshake(json).get()
        #expect(handshake.encoding == encoding)
        #expect(handshake.version == version)
    }

    @Test(arguments: [
        (#"{"protocol":"xml","version":1}"#, #"{"error":"The protocol 'xml' is not supported."}"#),
        (#"{"protocol":"json","version":9}"#, #"{"error":"The server does not support version 9 of the 'json' protocol."}"#),
        ("", unexpected), ("[]", unexpected), ("{}", unexpected), (#"{"protocol":"json"}"#, unexpected),
        (#"{"version":1}"#, unexpected),
        (#"{"protocol":1,"version":1}"#, unexpected), (#"{"protocol":"json","version":"1"}"#, unexpected),
        (#"{"protocol":"json","version":1.0}"#, unexpected), (#"{"protocol":"json","version":-1}"#, unexpected),
        (#"{"protocol":null,"version":1}"#, unexpected), (#"{"type":6}"#, unexpected),
        (#"{"protocol":"json","version":1}}"#, unexpected),
    ])
    func `Another first record is refused with a text`(json: String, answer: String) {
        guard case .failure(let refusal) = Self.handshake(json) else {
            Issue.record("\(json) is accepted")
            return
        }
        #expect(String(buffer: SignalRHandshake.answer(refusal)) == answer + "\u{1E}")
    }

    private static let unexpected = #"{"error":"An unexpected error occurred during connection handshake."}"#

    @Test func `A long name of a protocol is not repeated in full`() {
        let name = String(repeating: "x", count: 30_000)
        guard case .failure(let refusal) = Self.handshake(#"{"protocol":"\#(name)","version":1}"#) else {
            Issue.record("accepted")
            return
        }
        #expect(refusal.text.utf8.count < 120)
    }

    @Test func `The answers have no more than they need`() {
        #expect(String(buffer: SignalRHandshake.accepted) == "{}\u{1E}")
        let canceled = String(buffer: SignalRHandshake.answer(.canceled))
        #expect(canceled == #"{"error":"Handshake was canceled."}"# + "\u{1E}")
    }

    // MARK: - Records in bytes

    private static func split(
        _ encoding: SignalREncoding,
        _ parts: [ByteBuffer],
        maximumBytes: Int = 100
    ) throws(ProtocolViolation) -> [String] {
        var splitter = SignalRRecordSplitter(maximumBytes: maximumBytes)
        var records: [String] = []
        for part in parts {
            var bytes = part
            while bytes.readableBytes > 0 {
                if let record = try splitter.next(encoding, in: &bytes) { records.append(String(buffer: record)) }
            }
        }
        return records
    }

    @Test(arguments: SignalREncoding.allCases)
    func `Records are the same wherever the bytes are cut`(encoding: SignalREncoding) throws {
        let texts = ["", "a", String(repeating: "b", count: 100), "c", String(repeating: "d", count: 77), ""]
        let whole = texts.reduce(into: [UInt8]()) { bytes, text in
            bytes += encoding == .json ? Array(text.utf8) + [0x1E] : [UInt8(text.utf8.count)] + Array(text.utf8)
        }
        for size in [1, 2, 3, 7, 50, 101, whole.count] {
            let parts = stride(from: 0, to: whole.count, by: size).map {
                ByteBuffer(bytes: whole[$0..<min($0 + size, whole.count)])
            }
            #expect(try Self.split(encoding, parts) == texts)
        }
        #expect(try Self.split(encoding, [ByteBuffer(bytes: whole.dropLast())]) == texts.dropLast())
    }

    @Test func `A length of several bytes may be cut, too`() throws {
        let text = String(repeating: "x", count: 300)
        let whole = [0xAC, 0x02] + Array(text.utf8)
        for cut in 0...3 {
            let parts = [ByteBuffer(bytes: whole.prefix(cut)), ByteBuffer(bytes: whole.dropFirst(cut))]
            #expect(try Self.split(.messagePack, parts, maximumBytes: 300) == [text])
        }
    }

    @Test func `A record above the limit is refused before it is complete`() {
        let refusals: [(SignalREncoding, [UInt8])] = [
            (.json, [UInt8](repeating: 0x20, count: 101)), (.json, [UInt8](repeating: 0x20, count: 101) + [0x1E]),
            (.messagePack, [101]), (.messagePack, [0xFF, 0xFF, 0xFF, 0xFF, 0x07]),
            (.messagePack, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
            (.messagePack, [0x80, 0x80, 0x80, 0x80, 0x80]),
        ]
        for (encoding, bytes) in refusals {
            #expect(throws: ProtocolViolation.signalRMalformed) { try Self.split(encoding, [ByteBuffer(bytes: bytes)]) }
            #expect(throws: ProtocolViolation.signalRMalformed) {
                try Self.split(encoding, bytes.map { ByteBuffer(bytes: [$0]) })
            }
        }
    }
}

import NIOCore
import TestSupport
import Testing
import VolaryProtocol

/// A decoder's event in plain values.
enum Seen: Hashable {
    case text([UInt8])
    case binary([UInt8])
    case ping([UInt8])
    case pong([UInt8])
    case close(UInt16?, String)

    init(_ event: MessageDecoder.Event) {
        switch event {
        case .text(let payload): self = .text(Array(buffer: payload))
        case .binary(let payload): self = .binary(Array(buffer: payload))
        case .ping(let payload): self = .ping(Array(buffer: payload))
        case .pong(let payload): self = .pong(Array(buffer: payload))
        case .close(let code, let reason): self = .close(code?.rawValue, reason)
        }
    }

    static func text(_ text: String) -> Seen { .text(Array(text.utf8)) }
}

/// What one decoder made of its input.
struct Transcript: Equatable {
    var events: [Seen] = []
    var violation: ProtocolViolation?
    /// Breaks of the decoder's own contract: bytes left behind, or life after the end.
    var faults: [String] = []

    init(_ parts: [[UInt8]], limits: MessageLimits = MessageLimits(), compression: NegotiatedDeflate? = nil) {
        var decoder = MessageDecoder(limits: limits, compression: compression)
        var hasEnded = false
        for (index, part) in parts.enumerated() {
            // Begins at changing alignments.
            var bytes = ByteBuffer(repeating: 0xEE, count: index % 8)
            bytes.writeBytes(part)
            bytes.moveReaderIndex(forwardBy: index % 8)
            do {
                while !hasEnded, let event = try decoder.next(&bytes) {
                    self.events.append(Seen(event))
                    if case .close = event { hasEnded = true }
                }
                if !hasEnded, bytes.readableBytes > 0 { self.faults.append("left \(bytes.readableBytes) bytes") }
            } catch {
                self.violation = error
                hasEnded = true
            }
            if hasEnded {
                let left = bytes.readableBytes
                bytes.writeBytes(ClientFrame.ping())
                let later = try? decoder.next(&bytes)
                if later != nil { self.faults.append("an event after the end") }
                if bytes.readableBytes != left + 6 { self.faults.append("consumed bytes after the end") }
            }
        }
    }
}

/// The input whole, in two parts at every place, and byte by byte.
func everySplit(_ input: [UInt8]) -> [[[UInt8]]] {
    var splits = [[input], input.map { [$0] }]
    for index in 0...input.count { splits.append([Array(input[..<index]), Array(input[index...])]) }
    return splits
}

/// Expects the same events, and the same violation or none, however the input arrives.
func expect(
    _ input: [UInt8],
    limits: MessageLimits = MessageLimits(),
    compression: NegotiatedDeflate? = nil,
    gives events: [Seen] = [],
    violation: ProtocolViolation? = nil,
    splits: [[[UInt8]]]? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    for parts in splits ?? everySplit(input) {
        let transcript = Transcript(parts, limits: limits, compression: compression)
        guard transcript.events == events, transcript.violation == violation, transcript.faults.isEmpty else {
            let lengths = parts.map(\.count)
            Issue.record("parts of \(lengths) bytes gave \(transcript)", sourceLocation: sourceLocation)
            return
        }
    }
}

/// How many bytes a decoder takes, one by one, before it refuses them; nil when it never does.
func bytesUntilViolation(
    _ input: [UInt8],
    limits: MessageLimits = MessageLimits(),
    compression: NegotiatedDeflate? = nil
) -> Int? {
    var decoder = MessageDecoder(limits: limits, compression: compression)
    for (index, byte) in input.enumerated() {
        var bytes = ByteBuffer(bytes: [byte])
        do {
            while try decoder.next(&bytes) != nil {}
        } catch {
            return index + 1
        }
    }
    return nil
}

import NIOCore

@testable import VolaryNode

enum ProxyFuzz {
    private enum Outcome: Equatable {
        case header(ProxyHeader, rest: ByteBuffer)
        case malformed
        /// More bytes are needed.
        case unfinished
    }

    /// The result for a header does not depend on how the bytes are split: the same header, the same end, or a refusal. The
    /// parser never waits for more than the largest header.
    static func check(_ input: [UInt8]) throws(FuzzFailure) {
        let (whole, parts) = parts(of: input)
        let outcome = self.read([whole])
        let cut = self.read(parts)
        try hold(cut == outcome, "split: \(cut), whole: \(outcome)")
        guard outcome == .unfinished else { return }
        try hold(whole.count < 16 + ProxyHeader.maximumPayloadBytes, "\(whole.count) bytes, and they are not refused")
    }

    private static func read(_ parts: [ArraySlice<UInt8>]) -> Outcome {
        var bytes = ByteBuffer()
        var header: ProxyHeader?
        for part in parts {
            bytes.writeBytes(part)
            guard header == nil else { continue }
            do throws(ProxyHeader.Malformed) {
                let count = bytes.readableBytes
                header = try ProxyHeader.next(&bytes)
                if header == nil, bytes.readableBytes != count { return .malformed }
            } catch {
                return .malformed
            }
        }
        return header.map { .header($0, rest: bytes) } ?? .unfinished
    }

    static var seeds: [[UInt8]] {
        let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
        let ports: [UInt8] = [0x30, 0x39, 0, 80]
        let request = Array("GET / HTTP/1.1\r\n".utf8)
        let extensions: [UInt8] = [0x04, 0, 3, 1, 2, 3, 0x20, 0, 0]
        return [
            "PROXY TCP4 192.0.2.1 192.0.2.2 12345 80\r\n", "PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", "PROXY UNKNOWN\r\n",
            "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 065 80\r\n",
        ].map { [77] + Array($0.utf8) + request }
            + [
                [0x20, 0x00, 0, 0], [0x21, 0x11, 0, 12, 192, 0, 2, 1, 192, 0, 2, 2] + ports,
                [0x21, 0x11, 0, 21, 192, 0, 2, 1, 192, 0, 2, 2] + ports + extensions,
                [0x21, 0x21, 0, 36] + [UInt8](repeating: 0x20, count: 32) + ports, [0x21, 0x11, 0x10, 0x01],
            ].map { [77] + signature + $0 + request }
    }
}

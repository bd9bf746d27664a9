import Foundation
import NIOCore
import TestSupport
import Testing

@testable import VolaryProtocol

@Suite
struct Base64Tests {
    private func encode(_ bytes: [UInt8]) -> String {
        var text = ByteBuffer()
        text.write(atMost: Base64.encodedCount(of: bytes.count)) { Base64.write(ByteBuffer(bytes: bytes), to: &$0) }
        return String(buffer: text)
    }

    @Test func `Bytes are encoded and decoded as by Foundation`() {
        var random = SplitMix64()
        for count in 0..<300 {
            let bytes = random.bytes(count)
            let text = self.encode(bytes)
            #expect(text == Data(bytes).base64EncodedString())
            #expect(Base64.decode(ByteBuffer(string: text)) == ByteBuffer(bytes: bytes))
        }
    }

    @Test(arguments: ["A", "AA", "AAA", "AAAAA", "=", "====", "A===", "AA=A", "AAAA====", "AA-_", "AA A", "AA==\n", "ÄA=="])
    func `Other texts are refused`(text: String) {
        #expect(Base64.decode(ByteBuffer(string: text)) == nil)
    }

    @Test func `Bits behind the last byte are ignored`() {
        #expect(Base64.decode(ByteBuffer(string: "AP9=")) == ByteBuffer(bytes: [0, 255]))
    }
}

import NIOCore
import VolaryProtocol

/// WebSocket frames of 64 bytes of text.
enum FrameCases {
    static var all: [Case] {
        [
            Case("frame-encode", "frame") {
                let payload = ByteBuffer(string: Samples.text)
                let allocator = ByteBufferAllocator()
                return { rounds in
                    for _ in 0..<rounds { use(FrameEncoder.encode(opcode: .text, payload: payload, allocator: allocator)) }
                }
            },
            Case("frame-decode", "frame") {
                let key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
                let masked = Samples.text.utf8.enumerated().map { $1 ^ key[$0 & 3] }
                let bytes = ByteBuffer(bytes: [0x81, 0x80 | UInt8(masked.count)] + key + masked)
                return { rounds in
                    var decoder = MessageDecoder()
                    for _ in 0..<rounds {
                        var rest = bytes
                        use(try? decoder.next(&rest))
                    }
                }
            },
            // A copy of the message so far for each fragment would be a thousand instructions more.
            Case("fragment-decode", "frame", count: 4096) {
                var bytes = ByteBuffer()
                for number in 0..<4096 {
                    let head: UInt8 = number == 0 ? 0x02 : number == 4095 ? 0x80 : 0x00
                    bytes.writeBytes([head, 0x80 | 16, 0, 0, 0, 0])
                    bytes.writeRepeatingByte(0, count: 16)
                }
                let message = bytes
                return { rounds in
                    var decoder = MessageDecoder()
                    for _ in 0..<rounds {
                        var rest = message
                        use(try? decoder.next(&rest))
                    }
                }
            },
        ]
    }
}

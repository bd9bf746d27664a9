import NIOCore
import TestSupport
import Testing
import VolaryProtocol

/// Message decoder: memory follows what has arrived.
@Suite
struct MessageDecoderMemoryTests {
    /// The capacity of the decoder's buffers, found by reflection: the product does not show it.
    private func held(by decoder: MessageDecoder) -> Int {
        let buffers = Mirror(reflecting: decoder).children.filter { $0.label == "message" || $0.label == "control" }
        #expect(buffers.count == 2, "the fields were renamed; this test sees nothing")
        return buffers.compactMap { ($0.value as? ByteBuffer)?.capacity }.reduce(0, +)
    }

    private func feed(_ input: [UInt8], to decoder: inout MessageDecoder) throws -> [MessageDecoder.Event] {
        var bytes = ByteBuffer(bytes: input)
        var events: [MessageDecoder.Event] = []
        while let event = try decoder.next(&bytes) { events.append(event) }
        return events
    }

    @Test func `A decoder is small, and an idle one holds nothing`() throws {
        #expect(MemoryLayout<MessageDecoder>.size <= 112)
        var decoder = MessageDecoder()
        #expect(self.held(by: decoder) == 0)
        #expect(try self.feed(ClientFrame.text("hello") + ClientFrame.ping([1]), to: &decoder).count == 2)
        #expect(self.held(by: decoder) == 0)
        // The torn header of a next frame is no memory either.
        #expect(try self.feed(Array(ClientFrame.text("hello").prefix(5)), to: &decoder).isEmpty)
        #expect(self.held(by: decoder) == 0)
    }

    @Test func `A claim without bytes costs nothing`() throws {
        var decoder = MessageDecoder()
        #expect(try self.feed(ClientFrame(opcode: 2, claimedLength: 1_048_576).bytes, to: &decoder).isEmpty)
        #expect(self.held(by: decoder) == 0)
        #expect(try self.feed(Array(repeating: 0, count: 100), to: &decoder).isEmpty)
        #expect((100...128).contains(self.held(by: decoder)))
    }

    @Test func `An incomplete message grows by doubling, up to the limit`() throws {
        var decoder = MessageDecoder()
        let payload = Array(repeating: 0x61 as UInt8, count: 1_048_576)
        let frame = ClientFrame(opcode: 1, payload: payload).bytes
        var capacities: Set<Int> = []
        for start in stride(from: 0, to: frame.count - 1, by: 1000) {
            let end = min(start + 1000, frame.count - 1)
            #expect(try self.feed(Array(frame[start..<end]), to: &decoder).isEmpty)
            let capacity = self.held(by: decoder)
            #expect(capacity <= 2 * end)
            capacities.insert(capacity)
        }
        #expect(capacities.max() == 1_048_576)
        #expect(capacities.count <= 12)
        #expect(try self.feed([frame[frame.count - 1]], to: &decoder) == [.text(ByteBuffer(bytes: payload))])
        #expect(self.held(by: decoder) == 0)
    }

    @Test func `Many fragments do not take more than their bytes`() throws {
        var decoder = MessageDecoder()
        _ = try self.feed(ClientFrame.binary([1], isFinal: false), to: &decoder)
        for _ in 1..<1000 { _ = try self.feed(ClientFrame.continuation([1], isFinal: false), to: &decoder) }
        #expect((1000...1024).contains(self.held(by: decoder)))
    }

    @Test func `A whole frame becomes a buffer of its size that does not share the bytes read`() throws {
        var decoder = MessageDecoder()
        var bytes = ByteBuffer(bytes: ClientFrame.binary(Array(repeating: 9, count: 64)) + ClientFrame.binary([1]))
        bytes.reserveCapacity(65_536)
        let untouched = Array(buffer: bytes)
        let shared = bytes
        guard case .binary(let payload) = try decoder.next(&bytes) else {
            Issue.record("no message")
            return
        }
        #expect(payload.storageCapacity == 64)
        #expect(Array(buffer: shared) == untouched)
    }

    @Test func `What is left of a message is given up with a close frame or a violation`() throws {
        for end in [ClientFrame.close(), ClientFrame.continuation([1, 2]) + [0xFF]] {
            var decoder = MessageDecoder()
            _ = try self.feed(ClientFrame.binary([1, 2, 3], isFinal: false), to: &decoder)
            #expect(self.held(by: decoder) > 0)
            _ = try? self.feed(end, to: &decoder)
            #expect(self.held(by: decoder) == 0)
        }
        var decoder = MessageDecoder()
        _ = try self.feed(ClientFrame.binary([1, 2, 3], isFinal: false), to: &decoder)
        #expect(throws: ProtocolViolation.messageNotFinished) { try self.feed(ClientFrame.text("a"), to: &decoder) }
        #expect(self.held(by: decoder) == 0)
    }
}

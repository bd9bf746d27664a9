import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing

@testable import VolaryNode

/// The buffer of a streamed answer, and the waits of its producer.
@Suite(.timeLimit(.minutes(1)))
struct AnswerStreamBoundTests {
    private struct Failure: Error {}

    private let stream = NIOLockedValueBox(AnswerStream())

    private var writer: ResponseBodyWriter {
        ResponseBodyWriter { [stream] piece in
            try await withCheckedThrowingContinuation { continuation in
                stream.withLockedValue { $0.append((piece, continuation)) }
            }
        }
    }

    /// The next piece, once there is one.
    private func next() async -> Int? {
        var bytes: Int?
        _ = await eventually {
            bytes = self.stream.withLockedValue { $0.next(isWritable: true)?.readableBytes }
            return bytes != nil
        }
        return bytes
    }

    @Test func `Nothing is taken while the channel is not writable, and then one piece of 64 KiB at a time`() async throws {
        self.stream.withLockedValue { $0.begin() }
        let isWritten = NIOLockedValueBox(false)
        let writer = self.writer
        let task = Task {
            try await writer.write(ByteBuffer(repeating: 0, count: 150_000))
            isWritten.withLockedValue { $0 = true }
        }
        #expect(await self.next() == ResponseBodyWriter.maximumPieceBytes)
        #expect(await self.next() == ResponseBodyWriter.maximumPieceBytes)
        #expect(self.stream.withLockedValue { $0.next(isWritable: false) } == nil)
        #expect(!isWritten.withLockedValue { $0 })
        #expect(await self.next() == 150_000 - 2 * ResponseBodyWriter.maximumPieceBytes)
        try await task.value
        #expect(isWritten.withLockedValue { $0 })
    }

    @Test func `Pieces of several writers come in the order in which they were written`() async throws {
        self.stream.withLockedValue { $0.begin() }
        let writer = self.writer
        let first = Task { try await writer.write(ByteBuffer(string: "a")) }
        #expect(await self.next() == 1)
        try await first.value
        let second = Task { try await writer.write(ByteBuffer(string: "bb")) }
        #expect(await self.next() == 2)
        try await second.value
    }

    @Test func `When nobody waits for the answer any more, those that write and those that come later get the error`()
        async throws
    {
        self.stream.withLockedValue { $0.begin() }
        let (writer, stream) = (self.writer, self.stream)
        let waiting = Task { try await writer.write(ByteBuffer(string: "a")) }
        let isWanted = await withCheckedContinuation { ended in
            stream.withLockedValue { $0.waitForEnd(ended) }
            Task { stream.withLockedValue { $0.fail(Failure()) } }
        }
        #expect(!isWanted)
        await #expect(throws: Failure.self) { try await waiting.value }
        await #expect(throws: Failure.self) { try await writer.write(ByteBuffer(string: "b")) }
        #expect(!stream.withLockedValue { $0.isStreaming })
    }

    @Test func `Outside of an answer nothing can be written`() async throws {
        await #expect(throws: ChannelError.self) { try await self.writer.write(ByteBuffer(string: "a")) }
        self.stream.withLockedValue { $0.begin() }
        self.stream.withLockedValue { $0.end() }
        await #expect(throws: ChannelError.self) { try await self.writer.write(ByteBuffer(string: "a")) }
    }
}

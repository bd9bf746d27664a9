import NIOCore
import Testing

@testable import VolaryNode

/// The bytes of a connection as frames.
@Suite
struct FrameSplitterTests {
    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    private static func frame(_ type: UInt8, _ payload: [UInt8], length: Int? = nil) -> [UInt8] {
        let length = length ?? payload.count
        return [UInt8(length >> 16), UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF), type, 0, 0, 0, 0, 1] + payload
    }

    private static func setting(_ name: UInt8, _ value: [UInt8]) -> [UInt8] { [0, name] + value }

    private static func frames(_ splitter: inout FrameSplitter) -> [[UInt8]] {
        var frames: [[UInt8]] = []
        while let next = splitter.next() {
            switch next {
            case .headers(let frame), .data(let frame), .other(let frame), .shrinkingWindows(let frame):
                frames.append(Array(frame.readableBytesView))
            case .tooManySettings: frames.append([])
            }
        }
        return frames
    }

    private static func splitter() -> FrameSplitter {
        var splitter = FrameSplitter()
        splitter.append(ByteBuffer(bytes: Self.preface))
        _ = splitter.next()
        return splitter
    }

    @Test(arguments: [1, 5, 23, 33, 1000])
    func `Frames are whole, however the bytes arrive`(size: Int) {
        let long = Self.frame(99, [UInt8](repeating: 7, count: 300))
        let expected = [Self.preface, Self.frame(0, [1, 2, 3]), Self.frame(1, []), long]
        let bytes = expected.flatMap { $0 }
        var (splitter, frames) = (FrameSplitter(), [[UInt8]]())
        for start in stride(from: 0, to: bytes.count, by: size) {
            splitter.append(ByteBuffer(bytes: bytes[start..<min(start + size, bytes.count)]))
            frames += Self.frames(&splitter)
            splitter.compact()
        }
        #expect(frames == expected)
        #expect(!splitter.hasFrame)
    }

    @Test func `A frame of fields is told from others`() {
        var splitter = Self.splitter()
        splitter.append(ByteBuffer(bytes: Self.frame(1, [0x82]) + Self.frame(0, [1]) + Self.frame(6, [1])))
        #expect(splitter.hasFrame)
        guard case .headers = splitter.next(), case .data = splitter.next(), case .other = splitter.next() else {
            Issue.record("other kinds")
            return
        }
        #expect(!splitter.hasFrame)
    }

    @Test func `Of a frame above 16 KiB only the header is passed on`() {
        var splitter = Self.splitter()
        let large = Self.frame(0, [1, 2], length: 16 * 1024 + 1)
        splitter.append(ByteBuffer(bytes: large))
        #expect(Self.frames(&splitter) == [Array(large.prefix(9))])
        splitter = Self.splitter()
        let largest = Self.frame(0, [UInt8](repeating: 1, count: 16 * 1024))
        splitter.append(ByteBuffer(bytes: largest))
        #expect(Self.frames(&splitter) == [largest])
    }

    @Test func `The client's limit of the compression table is at most 4 KiB; other settings stay`() {
        var splitter = Self.splitter()
        let settings = [
            Self.setting(4, [0, 1, 0, 0]), Self.setting(1, [0xFF, 0xFF, 0xFF, 0xFF]), Self.setting(1, [0, 0, 0x10, 0]),
            Self.setting(1, [0, 0, 0, 0]), Self.setting(5, [0, 0, 0x40, 0]),
        ]
        splitter.append(ByteBuffer(bytes: Self.frame(4, settings.flatMap { $0 })))
        var limited = settings
        limited[1] = Self.setting(1, [0, 0, 0x10, 0])
        #expect(Self.frames(&splitter) == [Self.frame(4, limited.flatMap { $0 })])
    }

    @Test(arguments: [
        ([65_535], [false]), ([1, 1, 2], [false, false, false]), ([], []),
        ([100, 99, 99, 100, 0], [false, true, false, false, true]),
    ])
    func `Settings that make windows smaller are told from others, except the first ones`(windows: [UInt32], shrink: [Bool]) {
        var splitter = Self.splitter()
        for (window, shrinks) in zip(windows, shrink) {
            splitter.append(ByteBuffer(bytes: HTTP2Bytes.setting(4, window)))
            if case .shrinkingWindows = splitter.next() { #expect(shrinks) } else { #expect(!shrinks) }
        }
    }

    @Test func `Without a window in the first settings, the window is that of RFC 9113`() {
        for (window, shrinks) in [(65_534 as UInt32, true), (65_535, false)] {
            var splitter = Self.splitter()
            splitter.append(ByteBuffer(bytes: HTTP2Bytes.setting(3, 5) + HTTP2Bytes.setting(4, window)))
            _ = splitter.next()
            if case .shrinkingWindows = splitter.next() { #expect(shrinks) } else { #expect(!shrinks) }
        }
    }

    @Test(arguments: [(FrameSplitter.maximumSettings, false), (FrameSplitter.maximumSettings + 1, true)])
    func `More than 32 settings in a frame are a flood`(count: Int, isFlood: Bool) {
        var splitter = Self.splitter()
        splitter.append(ByteBuffer(bytes: Self.frame(4, (0..<count).flatMap { _ in Self.setting(4, [0, 0, 1, 0]) })))
        guard let next = splitter.next() else {
            Issue.record("no frame")
            return
        }
        if case .tooManySettings = next { #expect(isFlood) } else { #expect(!isFlood) }
    }
}

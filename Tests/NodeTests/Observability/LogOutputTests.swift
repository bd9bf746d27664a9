import Foundation
import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import VolaryNode

struct LogOutputTests {
    /// The two ends of a pipe that holds 4 KiB; the end for writing can be made that of something else.
    private final class Pipe: Sendable {
        let reading: CInt
        let writing: CInt

        init() throws {
            var ends: [CInt] = [0, 0]
            try #require(pipe(&ends) == 0)
            (self.reading, self.writing) = (ends[0], ends[1])
            _ = fcntl(self.reading, F_SETFL, O_NONBLOCK)
            #if os(Linux)
            // F_SETPIPE_SZ
            _ = fcntl(self.writing, 1031, 4096)
            #endif
        }

        deinit { close(self.reading) }

        func takeAll() -> [String] {
            var bytes: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 4096)
            while case let count = read(self.reading, &chunk, chunk.count), count > 0 { bytes += chunk[..<count] }
            return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        }

        func replaceWriting(with path: String) throws {
            let other = open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
            try #require(other >= 0)
            dup2(other, self.writing)
            close(other)
        }
    }

    private static func line(_ number: Int) -> String { String(repeating: "x", count: 90) + " \(100_000_000 + number)\n" }

    @Test func `Lines come whole and in their order, also of several threads`() async throws {
        let pipe = try Pipe()
        let output = LogOutput(descriptor: pipe.writing)
        await withTaskGroup(of: Void.self) { tasks in
            for writer in 0..<4 { tasks.addTask { for number in 0..<100 { output.write("\(writer) \(number)\n") } } }
        }
        var lines: [String] = []
        #expect(
            await eventually {
                lines += pipe.takeAll()
                return lines.count == 400
            }
        )
        for writer in 0..<4 {
            #expect(lines.filter { $0.hasPrefix("\(writer) ") } == (0..<100).map { "\(writer) \($0)" })
        }
        #expect(output.lost == 0)
    }

    @Test func `Of a reader that stands still the queue is all that waits; it reads on, and one line says how many were lost`()
        async throws
    {
        let pipe = try Pipe()
        let output = LogOutput(descriptor: pipe.writing, maximumBytes: 10_000) { "lost \($0)\n" }
        for number in 0..<1000 { output.write(Self.line(number)) }
        // 101 bytes each: 99 in the queue, and up to 41 in the pipe and before it.
        let lost = output.lost
        #expect((860...901).contains(lost), "\(lost)")
        let start = ContinuousClock.now
        output.flush()
        #expect(start.duration(to: .now) < .seconds(3))
        var lines: [String] = []
        #expect(
            await eventually {
                lines += pipe.takeAll()
                return lines.last == "lost \(lost)"
            }
        )
        #expect(lines.count == 1000 - lost + 1)
        output.write("next\n")
        output.flush()
        #expect(pipe.takeAll() == ["next"] && output.lost == lost)
    }

    @Test func `A queue that was full takes lines again when half of it is empty, so that losses are few lines`() async throws {
        let pipe = try Pipe()
        let output = LogOutput(descriptor: pipe.writing, maximumBytes: 10_000) { "lost \($0)\n" }
        var lines: [String] = []
        for number in 0..<5000 {
            output.write(Self.line(number))
            if number % 50 == 0 { lines += pipe.takeAll() }
        }
        let told = { lines.filter { $0.hasPrefix("lost ") }.compactMap { Int($0.dropFirst(5)) } }
        let isAllThere = await eventually {
            lines += pipe.takeAll()
            return lines.count - told().count + told().reduce(0, +) == 5000
        }
        #expect(isAllThere && told().reduce(0, +) == output.lost)
        // Each is behind half a queue of lines.
        #expect(told().count <= 5000 / 50 + 1, "\(told().count)")
    }

    @Test func `What the system does not take is counted, and said before the next line that it takes`() async throws {
        let pipe = try Pipe()
        try pipe.replaceWriting(with: "/dev/full")
        let output = LogOutput(descriptor: pipe.writing) { "lost \($0)\n" }
        for _ in 0..<3 { output.write("gone\n") }
        output.flush()
        #expect(output.lost == 3)
        let file = NSTemporaryDirectory() + "volary-log-\(UUID().uuidString)"
        defer { unlink(file) }
        try pipe.replaceWriting(with: file)
        output.write("there\n")
        output.flush()
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "lost 3\nthere\n")
        #expect(output.lost == 3)
    }

    @Test(arguments: NodeConfiguration.LogFormat.allCases)
    func `The line about lost ones has the form of the others`(format: NodeConfiguration.LogFormat) throws {
        let line = LogBootstrap.lossLine(17, format: format)
        #expect(line.hasSuffix("\n") && line.filter(\.isNewline).count == 1 && line.contains("17"))
        if format == .json {
            let object = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            #expect(object["level"] as? String == "warning" && (object["metadata"] as? [String: String])?["volary.count"] == "17")
        }
    }
}

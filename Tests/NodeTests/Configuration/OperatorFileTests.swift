import Foundation
import NIOCore
import Testing

@testable import VolaryNode

struct OperatorFileTests {
    private static func withFIFO(_ body: (String) async throws -> Void) async throws {
        let path = NSTemporaryDirectory() + "volary-fifo-\(UUID().uuidString)"
        try #require(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        try await body(path)
    }

    @Test func `A pipe is read to its end, however slowly it is written, as that of a command in a shell`() async throws {
        try await Self.withFIFO { path in
            let writer = open(path, O_RDWR)
            try #require(writer >= 0)
            Thread.detachNewThread {
                for part in ["one ", "two ", "three"] {
                    Thread.sleep(forTimeInterval: 0.05)
                    _ = part.withCString { write(writer, $0, strlen($0)) }
                }
                close(writer)
            }
            let data = try OperatorFile.contents(path, maximumBytes: 100)
            #expect(String(decoding: data, as: UTF8.self) == "one two three")
        }
    }

    @Test(arguments: [false, true])
    func `A pipe that nobody writes to, or not to its end, is given up`(hasWriter: Bool) async throws {
        try await Self.withFIFO { path in
            let writer = hasWriter ? open(path, O_RDWR) : -1
            defer { if writer >= 0 { close(writer) } }
            if hasWriter { try #require(write(writer, "half", 4) == 4) }
            let start = ContinuousClock.now
            #expect(throws: OperatorFile.ReadError.timedOut) {
                try OperatorFile.contents(path, maximumBytes: 100, timeout: .milliseconds(200))
            }
            #expect(start.duration(to: .now) >= .milliseconds(200))
        }
    }

    @Test func `Devices, directories and files that are not there`() {
        #expect(throws: OperatorFile.ReadError.tooLarge(1000)) { try OperatorFile.contents("/dev/zero", maximumBytes: 1000) }
        #expect(throws: OperatorFile.ReadError.directory) { try OperatorFile.contents("/", maximumBytes: 1000) }
        #expect(throws: OperatorFile.ReadError.missing) { try OperatorFile.contents("/nothing", maximumBytes: 1000) }
        #expect((try? OperatorFile.contents("/dev/null", maximumBytes: 1000)) == Data())
    }
}

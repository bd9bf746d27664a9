import Foundation

/// A full FIFO that is held open and not read. Removed with its last reference.
public final class StuckPipe: Sendable {
    private struct Failure: Error {
        let code: CInt
    }

    public let path: String
    private let descriptor: CInt

    public init() throws {
        self.path = NSTemporaryDirectory() + "volary-stuck-\(UUID().uuidString)"
        guard mkfifo(self.path, 0o600) == 0 else { throw Failure(code: errno) }
        self.descriptor = open(self.path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
        let filler = [UInt8](repeating: UInt8(ascii: "."), count: 4096)
        while write(self.descriptor, filler, filler.count) > 0 {}
    }

    deinit {
        close(self.descriptor)
        unlink(self.path)
    }

    /// Reads all that is in the pipe.
    public func takeAll() -> String {
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = read(self.descriptor, &chunk, chunk.count)
            guard count > 0 else { return String(decoding: text, as: UTF8.self) }
            text += chunk[..<count]
        }
    }
}

import Foundation
import NIOConcurrencyHelpers
import NIOCore
import TestSupport

@testable import VolaryBackplane

/// Which scripts the clients behind a ``TCPProxy`` have Redis execute.
final class ScriptRecorder: StreamRewriter {
    /// Sources and digests of what was executed.
    typealias Executed = NIOLockedValueBox<Set<String>>

    private let executed: Executed
    private var commands = RedisCommandStream()

    init(_ executed: Executed) {
        self.executed = executed
    }

    func rewrite(_ bytes: ByteBuffer) -> ByteBuffer {
        self.commands.append(bytes)
        while let command = self.commands.next() {
            guard command.count > 1, ["EVAL", "EVALSHA"].contains(String(decoding: command[0], as: UTF8.self)) else { continue }
            self.executed.withLockedValue { _ = $0.insert(String(decoding: command[1], as: UTF8.self)) }
        }
        return bytes
    }
}

extension RedisScript {
    /// Every script of the product, by its name in the sources.
    static func namesInSources() throws -> [String] {
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../../Sources/Backplane").standardized
        let files = FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL } ?? []
        var names: [String] = []
        for file in files where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            for part in text.components(separatedBy: "RedisScript(").dropFirst() {
                guard let start = part.range(of: "name: \""), let end = part[start.upperBound...].firstIndex(of: "\"") else {
                    continue
                }
                names.append(String(part[start.upperBound..<end]))
            }
        }
        return names
    }
}

@available(*, unavailable)
extension ScriptRecorder: Sendable {}

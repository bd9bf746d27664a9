import Foundation
import TestSupport
import Testing

/// A file for one test.
final class TemporaryFile: Sendable {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("volary-\(UUID().uuidString)").path

    init(_ content: String) throws { try self.write(content) }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }

    func write(_ content: String) throws { try Data(content.utf8).write(to: URL(fileURLWithPath: self.path)) }
}

/// Tokens that the built program makes.
enum TestToken {
    /// - Parameters:
    ///   - key: with the secret.
    ///   - options: further ones of `volary token`.
    static func mint(_ key: TemporaryFile, user: String = "alice", _ options: [String] = []) async throws -> String {
        let (status, output, errors) = try await VolaryProcess.run(
            ["token", "--jwt-key", key.path, "--user", user] + options
        )
        try #require(status == 0, "\(errors)")
        return output.trimmingCharacters(in: .newlines)
    }
}

import Foundation
import TestSupport
import Testing

/// Tokens created by the built program.
enum TestToken {
    /// - Parameters:
    ///   - key: the file with the secret.
    ///   - options: further ones of `volary token`.
    static func mint(_ key: TemporaryFile, user: String = "alice", _ options: [String] = []) async throws -> String {
        let (status, output, errors) = try await VolaryProcess.run(
            ["token", "--jwt-key", key.path, "--user", user] + options
        )
        try #require(status == 0, "\(errors)")
        return output.trimmingCharacters(in: .newlines)
    }
}

import Foundation

/// A file for one test. Removed with its last reference.
public final class TemporaryFile: Sendable {
    public let path = FileManager.default.temporaryDirectory.appendingPathComponent("volary-\(UUID().uuidString)").path

    public init(_ content: String) throws { try self.write(content) }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }

    public func write(_ content: String) throws { try Data(content.utf8).write(to: URL(fileURLWithPath: self.path)) }
}

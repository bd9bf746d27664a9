import Foundation
import Logging
import NIOConcurrencyHelpers

/// What a file says: read at the start, and again whenever ``reload(logger:)`` is called. A bad file leaves what was read before.
final class ReloadableFile<Content: Sendable>: Sendable {
    /// 1 MiB: key files have less.
    private static var maximumBytes: Int { 1024 * 1024 }

    private let option: ConfigurationOption
    private let path: String
    private let parse: @Sendable (Data) -> Content?
    private let box: NIOLockedValueBox<Content>

    /// - Parameters:
    ///   - rule: what the file must be, as it follows the file's name.
    ///   - parse: gives nil for a file that is not that.
    /// - Throws: when the file cannot be read, or is not as it must be. Nothing of its content is in the error.
    init(
        _ option: ConfigurationOption,
        path: String,
        rule: String,
        parse: @escaping @Sendable (Data) -> Content?
    ) throws(ConfigurationError) {
        guard let content = Self.read(path).flatMap(parse) else {
            throw ConfigurationError(option: option.rawValue, value: path, allowed: rule)
        }
        self.option = option
        self.path = path
        self.parse = parse
        self.box = NIOLockedValueBox(content)
    }

    var content: Content { self.box.withLockedValue { $0 } }

    func reload(logger: Logger) {
        let metadata: Logger.Metadata = [LogKey.option: "\(self.option.rawValue)"]
        guard let content = Self.read(self.path).flatMap(self.parse) else {
            logger.error("A file could not be read again: what it said before stays in force", metadata: metadata)
            return
        }
        self.box.withLockedValue { $0 = content }
        logger.notice("File read again", metadata: metadata)
    }

    private static func read(_ path: String) -> Data? {
        guard let file = FileHandle(forReadingAtPath: path) else { return nil }
        defer { try? file.close() }
        // Nil is the end of the file.
        guard let data = try? file.read(upToCount: self.maximumBytes + 1) ?? Data(), data.count <= self.maximumBytes else {
            return nil
        }
        return data
    }
}

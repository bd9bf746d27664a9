import Foundation
import Logging
import NIOConcurrencyHelpers

/// What a file says: read at the start, and again whenever ``reload(logger:)`` is called. A bad file leaves what was read before.
final class ReloadableFile<Content: Sendable>: Sendable {
    let option: ConfigurationOption
    private let path: String
    private let rule: String
    private let parse: @Sendable (Data) -> Content?
    private let fault: @Sendable (Data) -> String?
    private let box: NIOLockedValueBox<Content>

    /// - Parameters:
    ///   - rule: what the file must be, as it follows the file's name.
    ///   - parse: gives nil for a file that is not that.
    ///   - fault: says what is wrong with such a file, if more than the rule can be said.
    /// - Throws: when the file cannot be read, or is not as it must be. Nothing of its content is in the error but what `fault` says.
    init(
        _ option: ConfigurationOption,
        path: String,
        rule: String,
        parse: @escaping @Sendable (Data) -> Content?,
        fault: @escaping @Sendable (Data) -> String? = { _ in nil }
    ) throws(ConfigurationError) {
        self.option = option
        self.path = path
        self.rule = rule
        self.parse = parse
        self.fault = fault
        self.box = NIOLockedValueBox(try Self.read(option, path, rule, parse, fault))
    }

    var content: Content { self.box.withLockedValue { $0 } }

    /// - Returns: whether there is a new content.
    @discardableResult
    func reload(logger: Logger) -> Bool {
        var metadata: Logger.Metadata = [LogKey.option: "\(self.option.rawValue)"]
        do throws(ConfigurationError) {
            let content = try Self.read(self.option, self.path, self.rule, self.parse, self.fault)
            self.box.withLockedValue { $0 = content }
            logger.notice("File read again", metadata: metadata)
            return true
        } catch {
            metadata[LogKey.error] = "\(error.allowed)"
            logger.error("A file could not be read again: what it said before stays in force", metadata: metadata)
            return false
        }
    }

    private static func read(
        _ option: ConfigurationOption,
        _ path: String,
        _ rule: String,
        _ parse: (Data) -> Content?,
        _ fault: (Data) -> String?
    ) throws(ConfigurationError) -> Content {
        let data = try ConfigurationLoader.contents(option, path: path)
        if let content = parse(data) { return content }
        throw ConfigurationError(option: option.rawValue, value: path, allowed: fault(data).map { "\(rule); \($0)" } ?? rule)
    }
}

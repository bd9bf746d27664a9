import Foundation
import Logging
import NIOConcurrencyHelpers

/// The parsed content of a file, read at start and again by each ``reload(logger:)``. If the file is then invalid, the previous
/// content stays.
final class ReloadableFile<Content: Sendable>: Sendable {
    let option: ConfigurationOption
    private let path: String
    private let rule: String
    private let parse: @Sendable (Data) -> Content?
    private let problem: @Sendable (Data) -> String?
    private let box: NIOLockedValueBox<Content>

    /// - Parameters:
    ///   - rule: what the file must be; a phrase that follows the file's name in errors.
    ///   - parse: returns nil for an invalid file.
    ///   - problem: what is wrong with an invalid file, where more than the rule can be said.
    /// - Throws: when the file cannot be read or is invalid. The error contains nothing of the content but what `problem` returns.
    init(
        _ option: ConfigurationOption,
        path: String,
        rule: String,
        parse: @escaping @Sendable (Data) -> Content?,
        problem: @escaping @Sendable (Data) -> String? = { _ in nil }
    ) throws(ConfigurationError) {
        self.option = option
        self.path = path
        self.rule = rule
        self.parse = parse
        self.problem = problem
        self.box = NIOLockedValueBox(try Self.read(option, path, rule, parse, problem))
    }

    var content: Content { self.box.withLockedValue { $0 } }

    /// - Returns: whether the content was replaced.
    @discardableResult
    func reload(logger: Logger) -> Bool {
        var metadata: Logger.Metadata = [LogKey.option: "\(self.option.rawValue)"]
        do throws(ConfigurationError) {
            let content = try Self.read(self.option, self.path, self.rule, self.parse, self.problem)
            self.box.withLockedValue { $0 = content }
            logger.notice("File reloaded", metadata: metadata)
            return true
        } catch {
            metadata[LogKey.error] = "\(error.allowed)"
            logger.error("File not reloaded; its previous content stays in use", metadata: metadata)
            return false
        }
    }

    private static func read(
        _ option: ConfigurationOption,
        _ path: String,
        _ rule: String,
        _ parse: (Data) -> Content?,
        _ problem: (Data) -> String?
    ) throws(ConfigurationError) -> Content {
        let data = try ConfigurationLoader.contents(option, path: path)
        if let content = parse(data) { return content }
        throw ConfigurationError(option: option.rawValue, value: path, allowed: problem(data).map { "\(rule); \($0)" } ?? rule)
    }
}

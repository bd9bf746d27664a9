public import Logging

extension Logger {
    /// Discards all log lines.
    public static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}

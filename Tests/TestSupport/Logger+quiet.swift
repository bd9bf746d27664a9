public import Logging

extension Logger {
    /// Throws away what it is told.
    public static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}

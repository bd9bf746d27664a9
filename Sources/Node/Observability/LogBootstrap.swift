public import Logging

/// Where the process' logs go: standard output, a line per entry.
public enum LogBootstrap {
    /// Called once, before anything logs.
    public static func start(format: NodeConfiguration.LogFormat, level: Logger.Level) {
        LoggingSystem.bootstrap { label in
            let lines: any LogHandler =
                switch format {
                case .text: StreamLogHandler.standardOutput(label: label)
                case .json: JSONLogHandler(label: label)
                }
            var handler = PrintableLogHandler(writingTo: lines)
            handler.logLevel = level
            return handler
        }
    }
}

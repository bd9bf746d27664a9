public import Logging

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Where the process' logs go: standard output, a line per entry.
public enum LogBootstrap {
    /// Called once, before anything logs. From here on a reader of the log that goes away (SIGPIPE) does not end the process.
    public static func start(format: NodeConfiguration.LogFormat, level: Logger.Level) {
        signal(SIGPIPE, SIG_IGN)
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

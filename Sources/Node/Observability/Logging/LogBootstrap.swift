public import Logging
import NIOConcurrencyHelpers

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Sets up logging for the process: to standard output, one line per entry, through ``LogOutput``.
public enum LogBootstrap {
    private static let output = NIOLockedValueBox<LogOutput?>(nil)

    /// Called once, before anything is logged. Also ignores SIGPIPE, so that the process survives the end of the log's reader.
    public static func start(format: NodeConfiguration.LogFormat, level: Logger.Level) {
        signal(SIGPIPE, SIG_IGN)
        let output = LogOutput(descriptor: STDOUT_FILENO) { self.lossLine($0, format: format) }
        self.output.withLockedValue { $0 = output }
        LoggingSystem.bootstrap { label in
            var handler = PrintableLogHandler(
                writingTo: self.handler(format, label: label, stream: LogStream { output.write($0) })
            )
            handler.logLevel = level
            return handler
        }
    }

    /// The number of lines lost so far; see ``LogOutput``.
    static var lostLines: Int { self.output.withLockedValue { $0 }?.lost ?? 0 }

    /// Called at the end of the process. Returns when all lines are written, or after a second.
    public static func flush() { self.output.withLockedValue { $0 }?.flush() }

    static func handler(_ format: NodeConfiguration.LogFormat, label: String, stream: LogStream) -> any LogHandler {
        switch format {
        case .text: StreamLogHandler(label: label, stream: stream)
        case .json: JSONLogHandler(label: label, stream: stream)
        }
    }

    static func lossLine(_ count: Int, format: NodeConfiguration.LogFormat) -> String {
        let line = NIOLockedValueBox("")
        let stream = LogStream { text in line.withLockedValue { $0 = text } }
        self.handler(format, label: "volary", stream: stream).log(
            event: LogEvent(
                level: .warning,
                message: "Log lines lost: they could not be written, or not fast enough",
                metadata: [LogKey.count: "\(count)"],
                source: "VolaryNode",
                file: #fileID,
                function: #function,
                line: #line
            )
        )
        return line.withLockedValue { $0 }
    }
}

/// Passes finished lines to a closure.
struct LogStream: TextOutputStream, Sendable {
    /// Called with one line at a time, including its line end.
    let take: @Sendable (String) -> Void

    func write(_ line: String) { self.take(line) }
}

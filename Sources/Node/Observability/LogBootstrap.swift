public import Logging
import NIOConcurrencyHelpers

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Where the process' logs go: standard output, a line per entry, through ``LogOutput``.
public enum LogBootstrap {
    private static let output = NIOLockedValueBox<LogOutput?>(nil)

    /// Called once, before anything logs. From here on a reader of the log that goes away (SIGPIPE) does not end the process.
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

    /// Lines of the process that were lost so far; see ``LogOutput``.
    static var lostLines: Int { self.output.withLockedValue { $0 }?.lost ?? 0 }

    /// Called at the end of the process. Returns when all lines are written, or a second later.
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
                message: "Lines of this log were lost: they could not be written, or not as fast as they came",
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

/// Takes finished lines.
struct LogStream: TextOutputStream, Sendable {
    /// Given one line with its end at a time.
    let take: @Sendable (String) -> Void

    func write(_ line: String) { self.take(line) }
}

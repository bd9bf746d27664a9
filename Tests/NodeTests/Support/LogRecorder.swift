import Logging
import NIOConcurrencyHelpers

/// Records log lines: the level, the message, and the metadata, sorted by key.
final class LogRecorder: Sendable {
    private let recorded = NIOLockedValueBox<[String]>([])

    var lines: [String] { self.recorded.withLockedValue { $0 } }

    var logger: Logger { self.logger(level: .trace) }

    func logger(level: Logger.Level) -> Logger {
        var logger = Logger(label: "test") { _ in self.handler }
        logger.logLevel = level
        return logger
    }

    var handler: any LogHandler { Handler(recorder: self) }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let metadata = self.metadata.merging(event.metadata ?? [:]) { $1 }
            let pairs = metadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            let error = event.error.map { ["error=\($0)"] } ?? []
            let line = (["\(event.level)", event.message.description] + pairs + error).joined(separator: " ")
            self.recorder.recorded.withLockedValue { $0.append(line) }
        }
    }
}

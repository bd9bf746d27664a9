import Foundation
import Logging
import NIOCore
import VolaryProtocol

/// Writes each log entry as one JSON object on one line.
struct JSONLogHandler: LogHandler {
    private struct Line: Encodable {
        let time: String
        let level: String
        let label: String
        let message: String
        let metadata: [String: String]
    }

    private let label: String
    private let stream: LogStream
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]

    init(label: String, stream: LogStream) {
        self.label = label
        self.stream = stream
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let metadata = self.metadata.merging(event.metadata ?? [:]) { $1 }
        let line = Line(
            time: Timestamp.milliseconds(Int64(Date().timeIntervalSince1970 * 1000)),
            level: event.level.rawValue,
            label: self.label,
            message: "\(event.message)",
            metadata: metadata.mapValues { "\($0)" }
        )
        self.stream.write(String(buffer: JSONBody.encode(line)) + "\n")
    }
}

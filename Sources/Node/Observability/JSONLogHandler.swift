import Foundation
import Logging
import NIOCore
import NIOFoundationCompat
import Protocol

/// Writes each log entry as one JSON object on one line of standard output.
struct JSONLogHandler: LogHandler {
    private struct Line: Encodable {
        let time: String
        let level: String
        let label: String
        let message: String
        let metadata: [String: String]
    }

    private let label: String
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]

    init(label: String) {
        self.label = label
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
        // One write, so that lines of different threads do not mix. A log that cannot be written (its reader is gone, the disk is full) is
        // lost; the node goes on.
        try? FileHandle.standardOutput.write(contentsOf: Data(buffer: JSONBody.encode(line)) + Data("\n".utf8))
    }
}

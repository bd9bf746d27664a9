import Logging

/// Escapes control characters and cuts long texts, so that text from peers cannot forge log lines or control a terminal. An entry
/// stays one line.
struct PrintableLogHandler: LogHandler {
    /// Longest message, and longest metadata value, as written; `…` marks a cut.
    static let maximumBytes = 500

    private var lines: any LogHandler

    init(writingTo lines: any LogHandler) {
        self.lines = lines
    }

    var logLevel: Logger.Level {
        get { self.lines.logLevel }
        set { self.lines.logLevel = newValue }
    }

    var metadata: Logger.Metadata {
        get { self.lines.metadata }
        set { self.lines.metadata = newValue.mapValues(Self.printable) }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.lines[metadataKey: key] }
        set { self.lines[metadataKey: key] = newValue.map(Self.printable) }
    }

    func log(event: LogEvent) {
        var event = event
        event.message = "\(Self.printable(event.message.description))"
        event.metadata = event.metadata?.mapValues(Self.printable)
        if let error = event.error {
            // Otherwise the next handler would write the error unescaped.
            event.error = nil
            event.metadata = (event.metadata ?? [:]).merging([LogKey.error: .string(Self.printable("\(error)"))]) { $1 }
        }
        self.lines.log(event: event)
    }

    private static func printable(_ value: Logger.MetadataValue) -> Logger.MetadataValue {
        .string(self.printable("\(value)"))
    }

    static func printable(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        var room = self.maximumBytes
        for scalar in text.unicodeScalars {
            let shown: String.UnicodeScalarView
            switch scalar.properties.generalCategory {
            // Format characters can reverse the text direction, and some viewers start a new line at line separators.
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
                shown = "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars
                room -= shown.count
            default:
                shown = String.UnicodeScalarView([scalar])
                room -= UTF8.width(scalar)
            }
            guard room >= 0 else { return String(result) + "…" }
            result.append(contentsOf: shown)
        }
        return String(result)
    }
}

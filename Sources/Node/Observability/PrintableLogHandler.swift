import Logging

/// Keeps what others have sent from writing into the log whatever it likes: control characters are escaped, long texts cut. An entry stays
/// one line, and a terminal that shows it obeys nobody.
struct PrintableLogHandler: LogHandler {
    /// Of a message, and of each value of its metadata, as they are written; what is left out is a `…`.
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
            // Else a handler would write it as it is.
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
            // Format characters turn the direction of what follows, line separators begin lines in some viewers.
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

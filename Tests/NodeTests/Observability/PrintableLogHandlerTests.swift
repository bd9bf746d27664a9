import Logging
import NIOConcurrencyHelpers
import Testing

@testable import Node

@Suite("What others send cannot write into the log")
struct PrintableLogHandlerTests {
    private struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    private struct Recorder: LogHandler {
        let lines: NIOLockedValueBox<[String]>
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let metadata = self.metadata.merging(event.metadata ?? [:]) { $1 }
            let pairs = metadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            let error = event.error.map { " \($0)" } ?? ""
            self.lines.withLockedValue { $0.append(([event.message.description] + pairs).joined(separator: " ") + error) }
        }
    }

    private static let evil = "a\nb\r\u{1B}[31mc\u{9B}\u{0}\u{7F}\u{202E}\u{2028}d"
    private static let harmless = #"a\u{a}b\u{d}\u{1b}[31mc\u{9b}\u{0}\u{7f}\u{202e}\u{2028}d"#

    @Test func `Control characters are escaped wherever they stand`() {
        let lines = NIOLockedValueBox<[String]>([])
        var logger = Logger(label: "test") { _ in PrintableLogHandler(writingTo: Recorder(lines: lines)) }
        logger[metadataKey: "own"] = "\(Self.evil)"
        logger.info(
            "\(Self.evil)",
            error: Fault(description: Self.evil),
            metadata: ["list": ["\(Self.evil)"], "x": "\(Self.evil)"]
        )
        let line = lines.withLockedValue { $0 }.joined()
        #expect(line.hasPrefix(Self.harmless))
        for key in ["own", "x", "volary.error"] { #expect(line.contains("\(key)=\(Self.harmless)")) }
        #expect(line.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control && $0 != "\u{202E}" })
    }

    @Test func `Long texts are cut`() {
        #expect(PrintableLogHandler.printable(String(repeating: "x", count: 100_000)).count == 501)
        #expect(PrintableLogHandler.printable("ä🙂 plain") == "ä🙂 plain")
    }

    @Test func `The level is that of what writes`() {
        var handler = PrintableLogHandler(writingTo: Recorder(lines: .init([])))
        handler.logLevel = .error
        #expect(handler.logLevel == .error)
    }
}

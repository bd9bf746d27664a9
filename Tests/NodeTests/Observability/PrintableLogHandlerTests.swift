import Logging
import Testing

@testable import VolaryNode

/// What others send cannot write into the log.
@Suite
struct PrintableLogHandlerTests {
    private struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    private static let evil = "a\nb\r\u{1B}[31mc\u{9B}\u{0}\u{7F}\u{202E}\u{2028}d"
    private static let harmless = #"a\u{a}b\u{d}\u{1b}[31mc\u{9b}\u{0}\u{7f}\u{202e}\u{2028}d"#

    @Test func `Control characters are escaped wherever they stand`() {
        let recorder = LogRecorder()
        var logger = Logger(label: "test") { _ in PrintableLogHandler(writingTo: recorder.handler) }
        logger[metadataKey: "own"] = "\(Self.evil)"
        logger.info(
            "\(Self.evil)",
            error: Fault(description: Self.evil),
            metadata: ["list": ["\(Self.evil)"], "x": "\(Self.evil)"]
        )
        let line = recorder.lines.joined()
        #expect(line.hasPrefix("info \(Self.harmless)"))
        for key in ["own", "x", "volary.error"] { #expect(line.contains("\(key)=\(Self.harmless)")) }
        #expect(line.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control && $0 != "\u{202E}" })
    }

    @Test func `Long texts are cut`() {
        #expect(PrintableLogHandler.printable(String(repeating: "x", count: 100_000)).count == 501)
        #expect(PrintableLogHandler.printable("ä🙂 plain") == "ä🙂 plain")
        // By bytes, as they are written: of escapes, of scalars of four bytes, and of a character that is as long as the text.
        for scalar in ["\u{1}", "\u{10FFFF}", "🙂", "\u{301}", "\u{301}\u{323}"] {
            let line = PrintableLogHandler.printable("e" + String(repeating: scalar, count: 10_000))
            #expect((480...503).contains(line.utf8.count) && line.unicodeScalars.last == "…", "\(scalar.unicodeScalars)")
        }
    }

    @Test func `The level is that of what writes`() {
        var handler = PrintableLogHandler(writingTo: LogRecorder().handler)
        handler.logLevel = .error
        #expect(handler.logLevel == .error)
    }
}

import ArgumentParser
import Foundation
import VolaryNode
import VolaryProtocol

/// How the program ends over a value that is not allowed: one line on standard error, and EX_CONFIG of sysexits.h.
enum Refusal {
    static let status = ExitCode(78)

    /// - Returns: what to throw.
    static func of(_ error: some Error & CustomStringConvertible) -> ExitCode {
        self.write(error.description)
        return self.status
    }

    static func write(_ line: String) {
        // Also where nobody reads it, the program ends.
        let output = LogOutput(descriptor: STDERR_FILENO)
        output.write("volary: \(line)\n")
        output.flush()
    }

    /// One line, and not a long one.
    static func printable(_ text: String) -> String {
        text.prefix(maximumBytes: 100).unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : String($0) }
            .joined()
    }
}

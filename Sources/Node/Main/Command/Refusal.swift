package import ArgumentParser
import Foundation
import VolaryNode
import VolaryProtocol

/// The end of the program for an invalid value or an environment in which it cannot run: one line on standard error, and exit
/// status EX_CONFIG of sysexits.h.
package enum Refusal {
    package static let status = ExitCode(78)

    /// - Returns: the error to throw.
    package static func of(_ error: some Error & CustomStringConvertible) -> ExitCode {
        self.write(error.description)
        return self.status
    }

    package static func write(_ line: String) {
        // A reader that does not read must not keep the program from ending.
        let output = LogOutput(descriptor: STDERR_FILENO)
        output.write("volary: \(line)\n")
        output.flush()
    }

    /// Makes one line of at most 100 bytes.
    package static func printable(_ text: String) -> String {
        text.prefix(maximumBytes: 100).unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : String($0) }
            .joined()
    }
}

import NIOCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The text of an error for logs.
package enum ErrorText {
    /// - Returns: for an error of the system, the system's own message, because the library's text has unbalanced brackets and
    ///   names its functions.
    package static func of(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        return String(cString: strerror(error.errnoCode))
    }
}

import NIOCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// What a log says of an error.
package enum ErrorText {
    /// - Returns: of an error of the system its own words: the library's text has more brackets closed than opened, and names its functions.
    package static func of(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        return String(cString: strerror(error.errnoCode))
    }
}

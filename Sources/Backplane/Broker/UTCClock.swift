#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The time of day, for records and answers.
public enum UTCClock {
    /// Milliseconds since 1970, UTC.
    @Sendable public static func now() -> Int64 { Int64((Date().timeIntervalSince1970 * 1000).rounded(.down)) }
}

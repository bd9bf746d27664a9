import NIOConcurrencyHelpers
import VolaryBackplane
import VolaryProtocol

/// The `Date` field of answers (RFC 9110 section 6.6.1), formatted once per second.
struct DateField: Sendable {
    private let latest = NIOLockedValueBox<(second: Int64, text: String)>((.min, ""))

    var text: String {
        let now = UTCClock.now()
        return self.latest.withLockedValue { latest in
            if latest.second != now / 1000 { latest = (now / 1000, Timestamp.http(now)) }
            return latest.text
        }
    }
}

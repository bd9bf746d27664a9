/// Formats times in UTC. Times outside the years 0 to 9999 are replaced by the nearest time within.
///
/// This does not use Foundation's format styles: every message to clients contains a time, and this code writes the digits into
/// the message without a calendar or a string. `VolaryProtocol` does not depend on Foundation.
public enum Timestamp {
    /// Precision of timestamps for clients.
    public enum Precision: String, Sendable, CaseIterable {
        case seconds
        case milliseconds
    }

    /// RFC 3339.
    /// - Parameter milliseconds: since 1970, UTC.
    /// - Returns: `2026-06-13T06:00:01Z`
    public static func seconds(_ milliseconds: Int64) -> String {
        self.text(milliseconds, fraction: false)
    }

    /// RFC 3339.
    /// - Parameter milliseconds: since 1970, UTC.
    /// - Returns: `2026-06-13T06:00:01.042Z`
    public static func milliseconds(_ milliseconds: Int64) -> String {
        self.text(milliseconds, fraction: true)
    }

    /// RFC 9110 section 5.6.7.
    /// - Parameter milliseconds: since 1970, UTC.
    /// - Returns: `Sat, 13 Jun 2026 06:00:01 GMT`
    public static func http(_ milliseconds: Int64) -> String {
        let weekdays: [StaticString] = ["Thu, ", "Fri, ", "Sat, ", "Sun, ", "Mon, ", "Tue, ", "Wed, "]
        let months: [StaticString] = [
            " Jan ", " Feb ", " Mar ", " Apr ", " May ", " Jun ", " Jul ", " Aug ", " Sep ", " Oct ", " Nov ", " Dec ",
        ]
        return self.text(bytes: 29) { writer in
            let (days, inDay) = self.days(milliseconds)
            let (year, month, day) = self.civil(days)
            writer.write(weekdays[Int(self.divide(days, by: 7).remainder)])
            writer.write(twoDigits: day)
            writer.write(months[Int(month) - 1])
            writer.write(twoDigits: year / 100)
            writer.write(twoDigits: year % 100)
            writer.write(UInt8(ascii: " "))
            self.write(timeOfDay: inDay, to: &writer)
            writer.write(" GMT")
        }
    }

    private static func text(_ milliseconds: Int64, fraction: Bool) -> String {
        self.text(bytes: 24) { self.write(milliseconds, fraction: fraction, to: &$0) }
    }

    private static func text(bytes maximum: Int, _ write: (inout ByteWriter) -> Void) -> String {
        String(unsafeUninitializedCapacity: maximum) { bytes in
            var writer = ByteWriter(UnsafeMutableRawBufferPointer(bytes))
            write(&writer)
            return writer.count
        }
    }

    /// Writes 20 bytes, or 24 with a fraction.
    static func write(_ milliseconds: Int64, fraction: Bool, to writer: inout ByteWriter) {
        let (days, inDay) = self.days(milliseconds)
        let (year, month, day) = self.civil(days)
        writer.write(twoDigits: year / 100)
        writer.write(twoDigits: year % 100)
        writer.write(UInt8(ascii: "-"))
        writer.write(twoDigits: month)
        writer.write(UInt8(ascii: "-"))
        writer.write(twoDigits: day)
        writer.write(UInt8(ascii: "T"))
        self.write(timeOfDay: inDay, to: &writer)
        if fraction {
            let milliseconds = inDay % 1000
            writer.write(UInt8(ascii: "."))
            writer.write(twoDigits: milliseconds / 10)
            writer.write(UInt8(ascii: "0") + UInt8(milliseconds % 10))
        }
        writer.write(UInt8(ascii: "Z"))
    }

    /// - Parameter milliseconds: since midnight.
    private static func write(timeOfDay milliseconds: Int64, to writer: inout ByteWriter) {
        let seconds = milliseconds / 1000
        writer.write(twoDigits: seconds / 3600)
        writer.write(UInt8(ascii: ":"))
        writer.write(twoDigits: seconds / 60 % 60)
        writer.write(UInt8(ascii: ":"))
        writer.write(twoDigits: seconds % 60)
    }

    /// Days since 1970-01-01, and milliseconds since midnight.
    private static func days(_ milliseconds: Int64) -> (Int64, Int64) {
        let clamped = min(max(milliseconds, -62_167_219_200_000), 253_402_300_799_999)
        return self.divide(clamped, by: 86_400_000)
    }

    /// The proleptic Gregorian date of a day, counted from 1970-01-01. The calculation uses eras of 400 years and years that
    /// begin in March, so that a leap day is the last day of its year.
    private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = self.divide(days + 719_468, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    /// Rounds toward negative infinity, so that times before 1970 belong to the correct day.
    private static func divide(_ value: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}

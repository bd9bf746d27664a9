/// Times as people and programs read them, UTC; of those outside the years 0 to 9999 the nearest.
public enum Timestamp {
    /// RFC 3339.
    /// - Parameter milliseconds: since 1970, UTC.
    /// - Returns: `2026-06-13T06:00:01Z`
    public static func seconds(_ milliseconds: Int64) -> String {
        self.text(milliseconds, capacity: 20) { text, moment in
            text.append(date: moment)
            text.append("T")
            text.append(time: moment)
            text.append("Z")
        }
    }

    /// RFC 3339.
    /// - Parameter milliseconds: since 1970, UTC.
    /// - Returns: `2026-06-13T06:00:01.042Z`
    public static func milliseconds(_ milliseconds: Int64) -> String {
        self.text(milliseconds, capacity: 24) { text, moment in
            text.append(date: moment)
            text.append("T")
            text.append(time: moment)
            text.append(".")
            text.append(moment.millisecond, digits: 3)
            text.append("Z")
        }
    }

    /// RFC 9110 section 5.6.7.
    /// - Parameter milliseconds: since 1970, UTC.
    /// - Returns: `Sat, 13 Jun 2026 06:00:01 GMT`
    public static func http(_ milliseconds: Int64) -> String {
        let weekdays: [StaticString] = ["Thu, ", "Fri, ", "Sat, ", "Sun, ", "Mon, ", "Tue, ", "Wed, "]
        let months: [StaticString] = [
            " Jan ", " Feb ", " Mar ", " Apr ", " May ", " Jun ", " Jul ", " Aug ", " Sep ", " Oct ", " Nov ", " Dec ",
        ]
        return self.text(milliseconds, capacity: 29) { text, moment in
            text.append(weekdays[Int(self.divide(moment.day, by: 7).remainder)])
            let (year, month, day) = self.civil(moment.day)
            text.append(day, digits: 2)
            text.append(months[Int(month) - 1])
            text.append(year, digits: 4)
            text.append(" ")
            text.append(time: moment)
            text.append(" GMT")
        }
    }

    private struct Moment {
        /// Counted from 1970-01-01.
        let day: Int64
        /// Of the day.
        let second: Int64
        /// Of the second.
        let millisecond: Int64
    }

    private static func text(_ milliseconds: Int64, capacity: Int, write: (inout Text, Moment) -> Void) -> String {
        let clamped = min(max(milliseconds, -62_167_219_200_000), 253_402_300_799_999)
        let (day, inDay) = self.divide(clamped, by: 86_400_000)
        return String(unsafeUninitializedCapacity: capacity) { bytes in
            var text = Text(bytes: bytes)
            write(&text, Moment(day: day, second: inDay / 1000, millisecond: inDay % 1000))
            return text.count
        }
    }

    /// Written where a string's bytes will be.
    private struct Text {
        let bytes: UnsafeMutableBufferPointer<UInt8>
        var count = 0

        mutating func append(_ sign: StaticString) {
            for offset in 0..<sign.utf8CodeUnitCount { self.bytes[self.count + offset] = sign.utf8Start[offset] }
            self.count += sign.utf8CodeUnitCount
        }

        mutating func append(_ value: Int64, digits: Int) {
            var rest = value
            for offset in (0..<digits).reversed() {
                self.bytes[self.count + offset] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            }
            self.count += digits
        }

        mutating func append(date moment: Moment) {
            let (year, month, day) = Timestamp.civil(moment.day)
            self.append(year, digits: 4)
            self.append("-")
            self.append(month, digits: 2)
            self.append("-")
            self.append(day, digits: 2)
        }

        mutating func append(time moment: Moment) {
            self.append(moment.second / 3600, digits: 2)
            self.append(":")
            self.append(moment.second / 60 % 60, digits: 2)
            self.append(":")
            self.append(moment.second % 60, digits: 2)
        }
    }

    /// The proleptic Gregorian date of a day counted from 1970-01-01. Counts in eras of 400 years that begin in March, so that
    /// the leap day is the last of its year.
    private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = self.divide(days + 719_468, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    /// Rounded towards minus infinity, so that times before 1970 fall into their day.
    private static func divide(_ value: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}

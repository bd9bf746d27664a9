extension UInt64 {
    /// - Parameter digits: ASCII digits, at least one.
    /// - Returns: nil for any other character, and for 2⁶⁴ or more.
    package init?(decimal digits: some Collection<UInt8>) {
        guard !digits.isEmpty else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            let (tens, overflows) = value.multipliedReportingOverflow(by: 10)
            let (sum, carries) = tens.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
            guard !overflows, !carries else { return nil }
            value = sum
        }
        self = value
    }
}

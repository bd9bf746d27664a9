/// A range of addresses (CIDR): `10.0.0.0/8`, `2001:db8::/32` or `192.0.2.1`.
struct AddressRange: Hashable, Sendable {
    private let first: IPAddress
    /// Length of the prefix, 0 to 128; an IPv4 range has 96 or more.
    private let bits: Int

    /// - Returns: nil for an invalid range, and for an address with bits set after the prefix, which is likely a typing error.
    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let address = IPAddress(parts[0]) else { return nil }
        var length = address.isIPv4 ? 32 : 128
        if parts.count == 2 {
            let digits = parts[1]
            guard (1...3).contains(digits.count), digits.allSatisfy({ $0.isASCII && $0.isNumber }), let given = Int(digits),
                given <= length, digits == "\(given)"
            else { return nil }
            length = given
        }
        self.bits = address.isIPv4 ? length + 96 : length
        self.first = address
        guard address.prefix(self.bits) == address else { return nil }
    }

    /// - Parameter text: ranges separated by commas; spaces may follow a comma.
    static func list(_ text: String) -> [AddressRange]? {
        var ranges: [AddressRange] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let range = AddressRange(part.drop { $0 == " " }) else { return nil }
            ranges.append(range)
        }
        return ranges
    }

    func contains(_ address: IPAddress) -> Bool { address.prefix(self.bits) == self.first }
}

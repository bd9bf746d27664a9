/// What a sentinel answers when it is asked for a master.
enum SentinelAnswer {
    /// Names longer than any in DNS are none.
    private static let maximumHostBytes = 255

    /// SENTINEL GET-MASTER-ADDR-BY-NAME: nil for a master that is not known, or an answer that is none.
    static func address(_ value: RESPValue) -> RedisAddress? {
        guard let elements = value.elements, elements.count == 2,
            let host = elements[0].text, (1...Self.maximumHostBytes).contains(host.utf8.count),
            host.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
            let port = elements[1].text.flatMap({ Int($0) }), (1...65_535).contains(port)
        else { return nil }
        return RedisAddress(host: host, port: port)
    }

    /// SENTINEL MASTER: names and values by turns, of which this is one.
    static func epoch(_ value: RESPValue) -> Int64? {
        guard let elements = value.elements, elements.count.isMultiple(of: 2) else { return nil }
        for index in stride(from: 0, to: elements.count, by: 2) where elements[index].text == "config-epoch" {
            return elements[index + 1].text.flatMap { Int64($0) }.flatMap { $0 >= 0 ? $0 : nil }
        }
        return nil
    }
}

/// Parses a sentinel's answers about a master.
enum SentinelAnswer {
    /// Longer names are not valid in DNS.
    private static let maximumHostBytes = 255

    /// The answer to SENTINEL GET-MASTER-ADDR-BY-NAME: nil for an unknown master or an invalid answer.
    static func address(_ value: RESPValue) -> RedisAddress? {
        guard let elements = value.elements, elements.count == 2,
            let host = elements[0].text, (1...Self.maximumHostBytes).contains(host.utf8.count),
            host.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
            let port = elements[1].text.flatMap({ Int($0) }), (1...65_535).contains(port)
        else { return nil }
        return RedisAddress(host: host, port: port)
    }

    /// The epoch in the answer to SENTINEL MASTER, which alternates names and values.
    static func epoch(_ value: RESPValue) -> Int64? {
        guard let elements = value.elements, elements.count.isMultiple(of: 2) else { return nil }
        for index in stride(from: 0, to: elements.count, by: 2) where elements[index].text == "config-epoch" {
            return elements[index + 1].text.flatMap { Int64($0) }.flatMap { $0 >= 0 ? $0 : nil }
        }
        return nil
    }
}

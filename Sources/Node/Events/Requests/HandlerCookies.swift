import NIOHTTP1

/// The cookies that the handlers of one connection have set, by the handlers' origins. They come back with the later events of the
/// connection. Attributes other than `Max-Age` are ignored.
struct HandlerCookies: Sendable {
    /// Cookies of one origin: 20.
    static let maximumCount = 20
    /// All cookies of one origin: 4 KiB. Further ones are ignored.
    static let maximumBytes = 4096

    private var cookies: [String: [(name: Substring, value: Substring)]] = [:]

    init() {}

    /// Value of `Cookie` for a handler; nil without cookies.
    func field(for origin: String) -> String? {
        self.cookies[origin].map { $0.map { "\($0.name)=\($0.value)" }.joined(separator: "; ") }
    }

    /// - Parameter fields: of an answer of a handler.
    mutating func set(by fields: HTTPHeaders, of origin: String) {
        let set = fields["set-cookie"]
        guard !set.isEmpty else { return }
        var cookies = self.cookies[origin] ?? []
        for text in set {
            let parts = text.split(separator: ";", omittingEmptySubsequences: false).map { Self.trimmed($0) }
            guard let sign = parts[0].firstIndex(of: "="), sign > parts[0].startIndex else { continue }
            let (name, value) = (parts[0][..<sign], parts[0][sign...].dropFirst())
            cookies.removeAll { $0.name.utf8.elementsEqual(name.utf8) }
            let byteCount = cookies.reduce(name.utf8.count + value.utf8.count) { $0 + $1.name.utf8.count + $1.value.utf8.count }
            guard !parts.contains(where: Self.isRemoval), cookies.count < Self.maximumCount, byteCount <= Self.maximumBytes else {
                continue
            }
            cookies.append((name, value))
        }
        self.cookies[origin] = cookies.isEmpty ? nil : cookies
    }

    private static func isRemoval(_ attribute: Substring) -> Bool {
        let parts = attribute.split(separator: "=", maxSplits: 1)
        return parts.count == 2 && parts[0].lowercased() == "max-age" && Int(parts[1]).map { $0 <= 0 } ?? false
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let start = text.utf8.firstIndex { $0 != UInt8(ascii: " ") } ?? text.endIndex
        let end = text.utf8.lastIndex { $0 != UInt8(ascii: " ") }.map(text.utf8.index(after:)) ?? start
        return text[start..<end]
    }
}

import NIOCore
import VolaryBackplane
import VolaryProtocol

/// The query parameters of one request. Each value is checked when it is read.
struct Query {
    /// Maximum time to wait for receipts: 30 s. Timeouts of load balancers must be longer.
    static let longestTimeout = Duration.seconds(30)

    private let values: [UTF8Text: UTF8Text]

    /// - Parameter names: the parameters of the path.
    /// - Throws: ``Problem`` with the name of a parameter that is unknown, repeated, or badly encoded. If a mistyped filter
    ///   were ignored, the request would match everything.
    init(_ request: Request, only names: UTF8Text...) throws(Problem) {
        var values: [UTF8Text: UTF8Text] = [:]
        for part in (request.query ?? "").utf8.split(separator: UInt8(ascii: "&")) {
            let end = part.firstIndex(of: UInt8(ascii: "=")) ?? part.endIndex
            let (encodedName, encodedValue) = (Substring(part[..<end]), Substring(part[end...].dropFirst()))
            guard let name = PercentEncoding.decode(encodedName), let value = PercentEncoding.decode(encodedValue)
            else {
                throw .invalidQuery(
                    String(encodedName),
                    "The query must be percent-encoded UTF-8 (RFC 3986 section 3.4)."
                )
            }
            guard names.contains(name) else {
                throw .invalidQuery(
                    name.string,
                    "The parameters of this path are \(names.map(\.string).joined(separator: ", "))."
                )
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw .invalidQuery(name.string, "\(name) may be given once.")
            }
        }
        self.values = values
    }

    func text(_ name: String) -> UTF8Text? { self.values[UTF8Text(name)] }

    func integer(_ name: String, in range: ClosedRange<Int>) throws(Problem) -> Int? {
        guard let text = self.text(name) else { return nil }
        // `Int` would accept a sign.
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let value = Int(text.string),
            range.contains(value)
        else { throw .invalidQuery(name, "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound).") }
        return value
    }

    func name(_ name: String) throws(Problem) -> AudienceName? {
        guard let text = self.text(name) else { return nil }
        guard let value = AudienceName(text) else { throw .invalidQuery(name, "\(name) \(AudienceName.rule)") }
        return value
    }

    /// The hub of the request: the default one if it is not given.
    func hub() throws(Problem) -> HubName {
        guard let text = self.text("hub") else { return .default }
        guard let hub = HubName(text.string) else { throw .invalidQuery("hub", "hub \(HubName.rule)") }
        return hub
    }

    func connectionID(_ name: String) throws(Problem) -> ConnectionID? {
        guard let text = self.text(name) else { return nil }
        guard let id = ConnectionID(text.string) else { throw .invalidQuery(name, "\(name) must be what an answer before gave.") }
        return id
    }

    /// The name of a user or a group.
    func choice<Value>(_ name: String, of values: KeyValuePairs<UTF8Text, Value>) throws(Problem) -> Value? {
        guard let text = self.text(name) else { return nil }
        guard let value = values.first(where: { $0.key == text })?.value else {
            throw .invalidQuery(name, "\(name) must be one of \(values.map(\.key.string).sorted().joined(separator: ", ")).")
        }
        return value
    }

    func duration(_ name: String, in range: ClosedRange<Duration>) throws(Problem) -> TimeAmount? {
        guard let text = self.text(name) else { return nil }
        guard let value = DurationText.parse(text.string), range.contains(value) else {
            throw .invalidQuery(
                name,
                "\(name) must be a time from \(DurationText.format(range.lowerBound)) to \(DurationText.format(range.upperBound))."
            )
        }
        return TimeAmount(value)
    }

    /// Time to wait for receipts: 1 ms to ``longestTimeout``, by default 1 s.
    func timeout() throws(Problem) -> TimeAmount {
        try self.duration("timeout", in: .milliseconds(1)...Self.longestTimeout) ?? .seconds(1)
    }
}

import Backplane
import Hummingbird
import HummingbirdCore
import NIOCore
import Protocol

/// The query parameters of one request, each checked as it is read. Those that a route does not ask for are ignored.
struct Query {
    private let parameters: FlatDictionary<Substring, Substring>

    init(_ request: Request) {
        self.parameters = request.uri.queryParameters
    }

    func text(_ name: String) -> String? {
        self.parameters[name[...]].map(String.init)
    }

    func integer(_ name: String, in range: ClosedRange<Int>) throws(Problem) -> Int? {
        guard let text = self.text(name) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw .invalidQuery(name, "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound).")
        }
        return value
    }

    func connectionID(_ name: String) throws(Problem) -> ConnectionID? {
        guard let text = self.text(name) else { return nil }
        guard let id = ConnectionID(text) else { throw .invalidQuery(name, "\(name) must be what an answer before gave.") }
        return id
    }

    func choice<Value>(_ name: String, of values: [String: Value]) throws(Problem) -> Value? {
        guard let text = self.text(name) else { return nil }
        guard let value = values[text] else {
            throw .invalidQuery(name, "\(name) must be one of \(values.keys.sorted().joined(separator: ", ")).")
        }
        return value
    }

    func duration(_ name: String, in range: ClosedRange<Duration>) throws(Problem) -> TimeAmount? {
        guard let text = self.text(name) else { return nil }
        guard let value = DurationText.parse(text), range.contains(value) else {
            throw .invalidQuery(
                name,
                "\(name) must be a time from \(DurationText.format(range.lowerBound)) to \(DurationText.format(range.upperBound))."
            )
        }
        return TimeAmount(value)
    }

    /// How long to wait for receipts: 1 ms to 30 s, by default 1 s.
    func timeout() throws(Problem) -> TimeAmount {
        try self.duration("timeout", in: .milliseconds(1)...(.seconds(30))) ?? .seconds(1)
    }
}

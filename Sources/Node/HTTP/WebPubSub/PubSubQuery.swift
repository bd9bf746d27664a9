import NIOCore
import VolaryBackplane
import VolaryProtocol

/// The query parameters of a request of Web PubSub. Parameters that a route does not know are ignored, because later versions of the
/// libraries may send more.
struct PubSubQuery: Sendable {
    private let values: [UTF8Text: [UTF8Text]]

    /// - Throws: 400 for a query that is not percent-encoded UTF-8.
    init(_ request: Request) throws(Problem) {
        var values: [UTF8Text: [UTF8Text]] = [:]
        for part in (request.query ?? "").utf8.split(separator: UInt8(ascii: "&")) {
            let end = part.firstIndex(of: UInt8(ascii: "=")) ?? part.endIndex
            guard let name = PercentEncoding.decode(Substring(part[..<end])),
                let value = PercentEncoding.decode(Substring(part[end...].dropFirst()))
            else { throw .pubSub(.badRequest, "The query must be percent-encoded UTF-8.") }
            values[name, default: []].append(value)
        }
        self.values = values
    }

    func list(_ name: String) -> [UTF8Text] { self.values[UTF8Text(name)] ?? [] }

    /// - Throws: 400 for a parameter that is given twice.
    func value(_ name: String) throws(Problem) -> UTF8Text? {
        let values = self.list(name)
        guard values.count <= 1 else { throw .pubSub(.badRequest, "The parameter '\(name)' may be given once.") }
        return values.first
    }

    func integer(_ name: String, in range: ClosedRange<Int>) throws(Problem) -> Int? {
        guard let text = try self.value(name) else { return nil }
        guard let number = UInt64(decimal: text.utf8), let value = Int(exactly: number), range.contains(value) else {
            throw .pubSub(
                .badRequest,
                "The parameter '\(name)' must be a whole number from \(range.lowerBound) to \(range.upperBound)."
            )
        }
        return value
    }

    /// `excluded`, repeated. Ids that no node can have made are of no connection.
    func excluded() throws(Problem) -> Set<ConnectionID> {
        let ids = Set(self.list("excluded").compactMap { ConnectionID($0.string) })
        guard ids.count <= PublicationDetails.maximumExcluded else {
            throw .pubSub(.badRequest, "At most \(PublicationDetails.maximumExcluded) connections may be excluded.")
        }
        return ids
    }

    func filter() throws(Problem) -> PubSubFilter? { try PubSubFilter(ofCaller: try self.value("filter")) }

    /// The text for clients that the caller closes.
    func closeText() throws(Problem) -> String {
        let text = PubSubCloseText.closedByApplication(reason: try self.value("reason")?.string)
        guard text.utf8.count <= Limits.maximumCloseTextBytes else {
            throw .pubSub(.badRequest, "The parameter 'reason' may have about \(Limits.maximumCloseTextBytes) bytes.")
        }
        return text
    }
}

extension PubSubFilter {
    /// - Returns: nil for an empty text: no filter.
    init?(ofCaller text: UTF8Text?) throws(Problem) {
        guard let text, !text.utf8.isEmpty else { return nil }
        guard text.utf8.count <= PubSubFilter.maximumBytes else {
            throw .pubSub(.badRequest, "The filter may have \(PubSubFilter.maximumBytes) bytes.")
        }
        do throws(FilterFault) {
            self = try PubSubFilter(parsing: text)
        } catch {
            throw .pubSub(.badRequest, error.message(for: text))
        }
    }
}

extension HTTPRequestContext {
    /// The hub that the path names.
    func pubSubHub() throws(Problem) -> HubName {
        guard let hub = HubName(try self.parameter("hub")) else { throw .pubSub(.badRequest, "The hub \(HubName.rule)") }
        return hub
    }

    func pubSubGroup() throws(Problem) -> AudienceName {
        guard let group = AudienceName(pubSubGroup: UTF8Text(try self.parameter("group"))) else { throw .invalidPubSubGroup }
        return group
    }

    func pubSubUser() throws(Problem) -> AudienceName {
        guard let user = AudienceName(try self.parameter("user")) else {
            throw .pubSub(.badRequest, "The user id \(AudienceName.rule)")
        }
        return user
    }

    /// The connection that the path names; nil for a text that no node can have made.
    func pubSubConnection() throws(Problem) -> ConnectionID? { ConnectionID(try self.parameter("connection")) }
}

extension Problem {
    static var invalidPubSubGroup: Problem {
        .pubSub(.badRequest, "A group \(AudienceName.rule) It may not be white space only, and may have no line feed.")
    }
}

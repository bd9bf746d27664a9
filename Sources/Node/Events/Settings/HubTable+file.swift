import Foundation
import NIOCore
import VolaryProtocol

/// The file of `--hubs`: one JSON object. `deploy/hubs.json` is a complete example.
///
/// In each object a member `comment` is ignored, because JSON has no comments.
extension HubTable {
    static let maximumHubs = 1000
    static let maximumHandlers = 16
    /// Of all hubs. They are compared one by one.
    static let maximumRoutes = 256
    /// Range of `max-requests`.
    static let requests = 1...10_000

    static let fileRule = "must be a JSON file of hubs such as {\"hubs\": {\"chat\": {\"handlers\": [{\"url\": \"https://…\"}]}}}"

    /// What is wrong with the file, with the place in it: `hubs.chat.handlers[0].url must be …`.
    struct Fault: Error, Hashable {
        let text: String
    }

    init(parsing data: Data) throws(Fault) {
        let root: JSONValue
        do throws(JSONScanner.Fault) {
            root = try JSONValue(parsing: ByteBuffer(bytes: data))
        } catch {
            throw Fault(error)
        }
        let members = try Members(root, at: "", known: ["hubs"])
        guard let hubs = try members.object("hubs") else { throw Fault(text: "\"hubs\" is missing") }
        guard hubs.count <= Self.maximumHubs else { throw Fault(text: "hubs has more than \(Self.maximumHubs) members") }
        for member in hubs where member.name != Members.comment {
            let place = "hubs.\(ConfigurationError.printable(member.name.string))"
            guard let hub = HubName(member.name.string) else { throw Fault(text: "\(place): the name of a hub \(HubName.rule)") }
            guard self.hubs[hub] == nil else { throw Fault(text: "\(place): this hub appears twice, in upper and lower case") }
            self.hubs[hub] = try HubSettings(member.value, at: place)
        }
        try self.checkRoutes()
    }

    /// A path leads to one hub, and in one way.
    private func checkRoutes() throws(Fault) {
        var known: [(path: RoutePath, place: String)] = []
        for (hub, settings) in self.hubs.sorted(by: { $0.key < $1.key }) {
            for (index, route) in settings.routes.enumerated() {
                let place = "hubs.\(hub).routes[\(index)].path"
                if let other = known.first(where: { $0.path.overlaps(route.path) }) {
                    throw Fault(text: "\(place) can be the same path as \(other.place)")
                }
                known.append((route.path, place))
            }
        }
        guard known.count <= Self.maximumRoutes else { throw Fault(text: "the file has more than \(Self.maximumRoutes) routes") }
    }
}

extension HubTable.Fault {
    fileprivate init(_ fault: JSONScanner.Fault) {
        switch fault {
        case .notUTF8: self.init(text: "the file is not UTF-8")
        case .malformed, .unknownMember: self.init(text: "the file is not valid JSON")
        case .tooDeep: self.init(text: "the file is nested too deeply")
        case .duplicate(let name): self.init(text: "\"\(ConfigurationError.printable(name.string))\" appears twice")
        }
    }
}

extension HubSettings {
    fileprivate init(_ value: JSONValue, at place: String) throws(HubTable.Fault) {
        let members = try Members(value, at: place, known: ["handlers", "anonymous-clients", "max-requests", "routes"])
        self.acceptsAnonymous = try members.boolean("anonymous-clients") ?? false
        self.maximumRequests = try members.integer("max-requests", HubTable.requests) ?? Self.standardRequests
        let handlers = try members.list("handlers") ?? []
        guard handlers.count <= HubTable.maximumHandlers else {
            throw members.fault("handlers", "must have at most \(HubTable.maximumHandlers) elements")
        }
        for (index, handler) in handlers.enumerated() {
            self.handlers.append(try EventHandler(handler, at: "\(place).handlers[\(index)]"))
        }
        for (index, route) in (try members.list("routes") ?? []).enumerated() {
            self.routes.append(try ClientRoute(route, at: "\(place).routes[\(index)]"))
        }
    }
}

extension ClientRoute {
    static let maximumSubprotocols = 16
    static let subprotocolsRule = """
        must be a list of at most \(maximumSubprotocols) different names of WebSocket subprotocols, each a token of at most 128 bytes; \
        of Web PubSub's \(JSONPubSubProtocol.subprotocol) and \(JSONPubSubProtocol.reliableSubprotocol) are served
        """

    fileprivate init(_ value: JSONValue, at place: String) throws(HubTable.Fault) {
        let members = try Members(value, at: place, known: ["path", "protocol", "subprotocols"])
        guard let text = try members.text("path") else { throw members.fault("path", "is missing; it \(RoutePath.rule)") }
        guard let path = RoutePath(text.string) else { throw members.fault("path", RoutePath.rule) }
        self.init(path: path)
        if let text = try members.text("protocol") {
            guard let spoken = Spoken(rawValue: text.string) else {
                throw members.fault("protocol", "must be \(Spoken.allCases.map(\.rawValue).joined(separator: " or "))")
            }
            self.spoken = spoken
        }
        let names = try members.list("subprotocols") ?? []
        for name in names {
            guard let name = name.text?.string, Self.isServed(name), !self.subprotocols.contains(where: { $0.isSame(name) }),
                names.count <= Self.maximumSubprotocols
            else { throw members.fault("subprotocols", Self.subprotocolsRule) }
            self.subprotocols.append(name)
        }
    }

    /// A token of HTTP (RFC 9110 section 5.6.2), and no protocol of Web PubSub that is not served.
    private static func isServed(_ name: String) -> Bool {
        let bytes = (1...128).contains(name.utf8.count) ? name.utf8 : "".utf8
        guard !bytes.isEmpty, bytes.allSatisfy({ (0x21...0x7E).contains($0) && !#""(),/:;<=>?@[\]{}"#.utf8.contains($0) }) else {
            return false
        }
        return !name.ends(".webpubsub.azure.v1")
            || [JSONPubSubProtocol.subprotocol, JSONPubSubProtocol.reliableSubprotocol].contains { $0.isSame(name) }
    }
}

extension EventHandler {
    static let authorizationRule = "must be 1 to 4096 visible ASCII characters and spaces"

    fileprivate init(_ value: JSONValue, at place: String) throws(HubTable.Fault) {
        let members = try Members(value, at: place, known: ["url", "user-events", "system-events", "authorization"])
        guard let text = try members.text("url") else { throw members.fault("url", "is missing; it \(EventURL.rule)") }
        guard let url = EventURL(text.string) else { throw members.fault("url", EventURL.rule) }
        self.init(url: url)
        if let text = try members.text("user-events") {
            guard let pattern = UserEventPattern(text.string) else {
                throw members.fault("user-events", "must be \(UserEventPattern.rule)")
            }
            self.userEvents = pattern
        }
        for element in try members.list("system-events") ?? [] {
            guard let event = element.text.flatMap({ SystemEvent(rawValue: $0.string) }) else {
                throw members.fault("system-events", "must be a list of \(SystemEvent.list)")
            }
            self.systemEvents.insert(event)
        }
        if let text = try members.text("authorization") {
            guard Self.isAuthorization(text) else { throw members.fault("authorization", Self.authorizationRule) }
            self.authorization = text.string
        }
    }

    private static func isAuthorization(_ text: UTF8Text) -> Bool {
        (1...4096).contains(text.utf8.count) && text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
            && text.utf8.first != UInt8(ascii: " ") && text.utf8.last != UInt8(ascii: " ")
    }
}

extension SystemEvent {
    /// For error messages.
    static let list = "connect, connected and disconnected"
}

/// The members of an object of the file.
private struct Members {
    static let comment: UTF8Text = "comment"

    private let value: JSONValue
    private let place: String

    /// - Parameter known: names that the object may have, besides `comment`.
    init(_ value: JSONValue, at place: String, known: [String]) throws(HubTable.Fault) {
        self.value = value
        self.place = place
        guard case .object(let members) = value else {
            throw HubTable.Fault(text: "\(place.isEmpty ? "the file" : place) must be an object")
        }
        for name in members.map(\.name.string)
        where name != Self.comment.string && !known.contains(where: { $0.utf8.elementsEqual(name.utf8) }) {
            let suggestion = Suggestion.nearest(to: name, in: known).map { "; did you mean \"\($0)\"?" } ?? ""
            throw self.fault(ConfigurationError.printable(name), "is not known\(suggestion)")
        }
    }

    func fault(_ name: String, _ text: String) -> HubTable.Fault {
        HubTable.Fault(text: "\(self.place.isEmpty ? "" : "\(self.place).")\(name) \(text)")
    }

    func object(_ name: String) throws(HubTable.Fault) -> [JSONValue.Member]? {
        guard let value = self.value[UTF8Text(name)] else { return nil }
        guard case .object(let members) = value else { throw self.fault(name, "must be an object") }
        return members
    }

    func list(_ name: String) throws(HubTable.Fault) -> [JSONValue]? {
        guard let value = self.value[UTF8Text(name)] else { return nil }
        guard case .list(let elements) = value else { throw self.fault(name, "must be a list") }
        return elements
    }

    func text(_ name: String) throws(HubTable.Fault) -> UTF8Text? {
        guard let value = self.value[UTF8Text(name)] else { return nil }
        guard let text = value.text else { throw self.fault(name, "must be a string") }
        return text
    }

    func boolean(_ name: String) throws(HubTable.Fault) -> Bool? {
        guard let value = self.value[UTF8Text(name)] else { return nil }
        guard case .boolean(let isTrue) = value else { throw self.fault(name, "must be true or false") }
        return isTrue
    }

    func integer(_ name: String, _ range: ClosedRange<Int>) throws(HubTable.Fault) -> Int? {
        guard let value = self.value[UTF8Text(name)] else { return nil }
        guard case .number(let number) = value, let whole = Int(exactly: number), range.contains(whole) else {
            throw self.fault(name, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return whole
    }
}

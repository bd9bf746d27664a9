public import VolaryBackplane
import VolaryProtocol

// A page of the inventory as an answer of the REST API. Members that are null are written, too.

extension ListedConnection: Encodable {
    private enum CodingKeys: CodingKey {
        case id
        case hub
        case node
        case state
        case user
        case groups
        case `protocol`
        case transport
        case connectedAt
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.record.id.description, forKey: .id)
        try container.encode(self.record.hub.text, forKey: .hub)
        try container.encode(self.nodeName, forKey: .node)
        try container.encode(self.nodeName == nil ? "detached" : "attached", forKey: .state)
        try container.encode(self.record.user?.text, forKey: .user)
        try container.encode(self.record.groups.sorted().map(\.text), forKey: .groups)
        try container.encode(self.record.protocol, forKey: .protocol)
        try container.encode(self.nodeName == nil ? nil : self.record.transport.rawValue, forKey: .transport)
        try container.encode(Timestamp.milliseconds(self.record.connectedAt), forKey: .connectedAt)
    }
}

extension Inventory.Page: Encodable {
    private enum CodingKeys: CodingKey {
        case count
        case complete
        case missing
        case connections
        case next
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.page.total, forKey: .count)
        try container.encode(self.isComplete, forKey: .complete)
        try container.encode(self.page.missing, forKey: .missing)
        try container.encode(self.page.connections, forKey: .connections)
        try container.encode(self.next?.description, forKey: .next)
    }
}

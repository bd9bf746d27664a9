import VolaryProtocol

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Encodes the records that the presence store's scripts take; ``RedisPresenceDecoder`` decodes them.
enum RedisPresenceEncoder {
    static func json(of node: NodeRecord) throws(PresenceError) -> String { try self.encode(node) }

    /// The same record always gives the same text, so that the update script can detect that nothing has changed. Names are
    /// stored as their keys, from which the script builds index entries. Keys and protocols contain nothing that JSON would
    /// escape, so the text is written directly: a JSON encoder would take a twentieth of the cost of a client that connects and
    /// disconnects.
    static func details(of record: ConnectionRecord) -> String {
        var long: [AudienceName] = []
        func quotedKey(_ name: AudienceName) -> String {
            let key = NameKey(name)
            if key.isHash { long.append(name) }
            return "\"\(key)\""
        }
        var text = "{\"connectedAt\":\(record.connectedAt)"
        if !record.groups.isEmpty {
            text += ",\"groups\":[\(record.groups.sorted().map(quotedKey).joined(separator: ","))]"
        }
        text += ",\"protocol\":\"\(record.protocol)\""
        if record.transport != .webSockets { text += ",\"transport\":\"\(record.transport.rawValue)\"" }
        if let user = record.user { text += ",\"user\":\(quotedKey(user))" }
        if !long.isEmpty { text += ",\"long\":[\(long.map { "\"\(NameKey.encode($0))\"" }.joined(separator: ","))]" }
        return text + "}"
    }

    private static func encode(_ value: some Encodable) throws(PresenceError) -> String {
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(value), as: UTF8.self)
        } catch {
            throw .refused("a record cannot be written as JSON")
        }
    }
}

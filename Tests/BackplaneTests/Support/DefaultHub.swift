import TestSupport
import VolaryProtocol

@testable import VolaryBackplane

/// Most tests are about the default hub.
extension Topic {
    static var all: Topic { .all(.default) }
    static func group(_ name: AudienceName) -> Topic { .group(.default, name) }
    static func user(_ name: AudienceName) -> Topic { .user(.default, name) }
}

extension LogKeys {
    /// With the default prefix.
    init(_ topic: Topic) { self.init(topic, .standard) }
}

extension HubStoreKeys {
    static let standard = HubStoreKeys(.default, .standard)
}

extension RedisNames {
    static let standard = RedisNames(prefix: "volary")
}

extension RedisServer {
    /// The nodes that are subscribed to a topic.
    func subscribers(to topic: Topic) -> Int? {
        self.command("PUBSUB", "SHARDNUMSUB", LogKeys(topic).channel)?.split(separator: "\r\n").last.flatMap { Int($0.dropFirst()) }
    }
}

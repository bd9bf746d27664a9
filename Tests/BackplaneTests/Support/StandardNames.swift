import TestSupport
import VolaryProtocol

@testable import VolaryBackplane

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
        self.command("PUBSUB", "SHARDNUMSUB", LogKeys(topic).channel)?.split(separator: "\r\n").last.flatMap {
            Int($0.dropFirst())
        }
    }
}

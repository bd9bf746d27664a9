import Foundation

/// Faults in which Redis loses what it has confirmed.
extension Fault {
    static let data = [
        Fault("redis-flushed", "FLUSHALL", isFast: false, mayTell: true) { cluster in
            let answer = cluster.redis.administer("FLUSHALL")
            try Self.prove("FLUSHALL was answered \(answer ?? "not at all")", answer == "+OK\r\n")
        },
        Fault("redis-older", "Redis restarted with its data of 2 s before", isFast: false, mayTell: true) { cluster in
            try cluster.copyData()
            try await Task.sleep(for: .seconds(2))
            cluster.redis.administer("SET", "younger", "1")
            cluster.redis.kill()
            try cluster.restoreData()
            try cluster.redis.restart()
            var younger: String?
            _ = await eventually {
                younger = cluster.redis.administer("EXISTS", "younger")
                return younger?.hasPrefix(":") == true
            }
            try Self.prove("Redis has its newest data", younger == ":0\r\n")
        },
        Fault(
            "sentinel-lagged",
            "Sentinel: the master killed, and a replica promoted that lacks the last 2 s",
            isFast: false,
            needsSentinels: true,
            mayTell: true
        ) { cluster in
            guard let sentinels = cluster.sentinels else { throw FaultError("There are no sentinels") }
            let replicas = sentinels.servers.filter { $0 !== cluster.redis }
            // Without their password replicas cannot come back, and so do not know what follows.
            for replica in replicas { replica.command("CONFIG", "SET", "masterauth", "wrong") }
            cluster.redis.command("CLIENT", "KILL", "TYPE", "replica")
            try await Task.sleep(for: .seconds(2))
            cluster.redis.command("SET", "younger", "1")
            cluster.redis.kill()
            let new = try await sentinels.newMaster(after: cluster.redis)
            for replica in replicas { replica.command("CONFIG", "SET", "masterauth", FaultCluster.password) }
            try Self.prove("the replica did not lag", new.command("EXISTS", "younger") == ":0\r\n")
        },
    ]
}

extension FaultCluster {
    /// The append-only files: a beginning of what they become.
    func copyData() throws { try self.replace("copy", with: "appendonlydir") }

    /// Of a Redis that does not run.
    func restoreData() throws { try self.replace("appendonlydir", with: "copy") }

    private func replace(_ name: String, with other: String) throws {
        let place = self.directory.appendingPathComponent(name)
        try? FileManager.default.removeItem(at: place)
        try FileManager.default.copyItem(at: self.directory.appendingPathComponent(other), to: place)
    }
}

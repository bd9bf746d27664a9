public import Logging

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The process's limit of open files, which bounds its connections.
public enum FileDescriptors {
    #if canImport(Glibc)
    private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
    private static let resource = RLIMIT_NOFILE
    #endif

    /// Raises the soft limit, 1,024 on many systems, to the hard one.
    public static func raiseLimit(logger: Logger) {
        var limit = rlimit()
        guard getrlimit(self.resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        if setrlimit(self.resource, &limit) != 0 {
            logger.warning("Open-file limit not raised")
        }
    }

    /// The soft limit, at most a million; 1,024 when it cannot be read.
    static var limit: Int {
        var limit = rlimit()
        guard getrlimit(self.resource, &limit) == 0 else { return 1024 }
        return Int(min(limit.rlim_cur, 1_000_000))
    }

    /// The files that a node needs: one per connection, ``Admission/reserve(of:)`` for clients above the limit, three per event
    /// loop, and 32 for links to Redis (including reconnecting ones), name look-ups, files and logs.
    static func needed(connections: Int, threads: Int) -> Int {
        connections + Admission.reserve(of: connections) + 3 * threads + 32
    }

    /// The connections that an open-file limit allows; less than 1 when it allows none.
    static func connections(ofLimit limit: Int, threads: Int) -> Int {
        let room = limit - 3 * threads - 32
        return room - Admission.reserve(of: room)
    }

    /// - Throws: when the limit does not allow a single connection: the node would fail at start or with the first client.
    static func check(limit: Int, threads: Int) throws(TooFewFiles) {
        let needed = self.needed(connections: 1, threads: threads)
        guard limit >= needed else { throw TooFewFiles(limit: limit, needed: needed, threads: threads) }
    }
}

/// The node does not start: the open-file limit is too low. One line for operators, with the remedy.
public struct TooFewFiles: Error, Hashable, CustomStringConvertible {
    let limit: Int
    let needed: Int
    let threads: Int

    public var description: String {
        "the limit of open files is \(self.limit), and a node with --threads \(self.threads) needs \(self.needed): raise it (ulimit -n)"
    }
}

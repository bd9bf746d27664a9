public import Logging

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The process' limit of open files, which is its limit of connections.
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
            logger.warning("The limit of open files could not be raised")
        }
    }

    /// The soft limit; a million where there is none.
    static var limit: Int {
        var limit = rlimit()
        guard getrlimit(self.resource, &limit) == 0 else { return 1024 }
        return Int(min(limit.rlim_cur, 1_000_000))
    }

    /// The files that a node needs for so many connections: theirs, ``Admission/reserve(of:)`` for those who are told that there is no more
    /// room, three for each event loop, and 32 for the links to Redis (also while they are made anew), name look-ups, files and logs.
    static func needed(connections: Int, threads: Int) -> Int {
        connections + Admission.reserve(of: connections) + 3 * threads + 32
    }

    /// The connections for which a limit of open files has room; less than 1 when it has none for any.
    static func connections(ofLimit limit: Int, threads: Int) -> Int {
        let room = limit - 3 * threads - 32
        return room - Admission.reserve(of: room)
    }

    /// - Throws: when the limit has no room for a node, which would end at once or as soon as somebody connects.
    static func check(limit: Int, threads: Int) throws(TooFewFiles) {
        let needed = self.needed(connections: 1, threads: threads)
        guard limit >= needed else { throw TooFewFiles(limit: limit, needed: needed, threads: threads) }
    }
}

/// Why a node does not start: one line for operators, with what to change.
public struct TooFewFiles: Error, Hashable, CustomStringConvertible {
    let limit: Int
    let needed: Int
    let threads: Int

    public var description: String {
        "the limit of open files is \(self.limit), and a node with --threads \(self.threads) needs \(self.needed): raise it (ulimit -n)"
    }
}

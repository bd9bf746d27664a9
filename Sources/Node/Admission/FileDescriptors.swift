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

    /// The connections for which a limit of open files has room: the node keeps three files per event loop for itself, and 32 for the links
    /// to Redis (also while they are made anew), name look-ups, files and logs; and ``Admission/reserve(of:)`` for those who are told that
    /// there is no more room.
    static func connections(ofLimit limit: Int, threads: Int) -> Int {
        let room = max(limit - 3 * threads - 32, limit / 2)
        return max(room - Admission.reserve(of: room), 1)
    }
}

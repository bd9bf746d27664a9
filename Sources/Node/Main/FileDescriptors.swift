import Logging

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The process' limit of open files, which is its limit of connections.
enum FileDescriptors {
    /// Raises the soft limit, 1,024 on many systems, to the hard one.
    static func raiseLimit(logger: Logger) {
        var limit = rlimit()
        #if canImport(Glibc)
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
        let resource = RLIMIT_NOFILE
        #endif
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        if setrlimit(resource, &limit) != 0 {
            logger.warning("The limit of open files could not be raised")
        }
    }
}

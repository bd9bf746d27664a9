#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The test process' limit of open files.
enum OpenFiles {
    /// Raised to the hard limit, once: a thousand clients are more than many systems allow by default.
    static let raised: Bool = {
        var limit = rlimit()
        #if canImport(Glibc)
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
        let resource = RLIMIT_NOFILE
        #endif
        guard getrlimit(resource, &limit) == 0 else { return false }
        limit.rlim_cur = limit.rlim_max
        return setrlimit(resource, &limit) == 0
    }()
}

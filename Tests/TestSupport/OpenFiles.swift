#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The limit of open files of the test process.
enum OpenFiles {
    /// Raised once, to the hard limit: tests with a thousand clients need more than the default of many systems.
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

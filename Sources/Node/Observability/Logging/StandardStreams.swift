#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The standard file descriptors 0, 1 and 2.
public enum StandardStreams {
    /// Opens `/dev/null` for each of them that is closed. Otherwise the next file or socket would get its number, and log lines
    /// would be sent to a client. The mode is chosen so that reading and writing still fail, as on a closed descriptor.
    ///
    /// Call it before anything else is opened.
    public static func reserve() {
        for (descriptor, mode) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY)]
        where fcntl(descriptor, F_GETFD) == -1 {
            // `open` returns the lowest free number, which is this one.
            _ = open("/dev/null", mode)
        }
    }
}

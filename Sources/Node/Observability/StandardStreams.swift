#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The descriptors 0, 1 and 2, with which a process begins.
public enum StandardStreams {
    /// Whoever starts a program may have closed some of them. The next file or socket that is opened would get the number, and clients would be
    /// sent what is meant for the log. Reading and writing fail afterwards as they would on a closed one.
    ///
    /// To be called before anything is opened.
    public static func reserve() {
        for (descriptor, mode) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY)]
        where fcntl(descriptor, F_GETFD) == -1 {
            // Gets the lowest free number: this one, since those below are taken.
            _ = open("/dev/null", mode)
        }
    }
}

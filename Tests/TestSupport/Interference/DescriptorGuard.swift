import Foundation

/// Detects writes of a process to descriptors that it has closed. It is a library that the process loads before all others, and
/// that wraps `close`, `send` and similar functions.
///
/// A closed number is not used again during the next ``quarantine`` closes, so that a late write does not reach another
/// connection, and is counted. Without the library, such a write would reach the next owner of the number.
public struct DescriptorGuard: Sendable {
    /// How many closed numbers are kept from being used again.
    public static let quarantine = 64

    private let library: PreloadedLibrary

    public init() throws { self.library = try PreloadedLibrary(Self.source) }

    /// The environment of the observed process.
    public var environment: [String: String] { self.library.environment.merging(["DESCRIPTOR_GUARD_LOG": self.log]) { $1 } }

    /// Writes to closed descriptors so far; nil when the library is not loaded.
    public var violations: Int? {
        guard let text = try? String(contentsOfFile: self.log, encoding: .utf8), text.hasPrefix("guarding\n") else { return nil }
        return text.split(separator: "\n").count { $0.hasPrefix("write") }
    }

    public func remove() { self.library.remove() }

    private var log: String { self.library.directory.appendingPathComponent("log").path }

    private static let source = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <errno.h>
        #include <fcntl.h>
        #include <pthread.h>
        #include <stdatomic.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <sys/socket.h>
        #include <sys/uio.h>
        #include <unistd.h>

        enum { KNOWN = 65536, QUARANTINE = \(Self.quarantine) };
        static atomic_char closed[KNOWN];
        static int waiting[QUARANTINE], next, log_file = -1, poison = -1;
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
        static int (*real_close)(int);
        static ssize_t (*real_write)(int, const void *, size_t);

        __attribute__((constructor)) static void begin(void) {
            real_write = dlsym(RTLD_NEXT, "write");
            for (int i = 0; i < QUARANTINE; i++) waiting[i] = -1;
            const char *path = getenv("DESCRIPTOR_GUARD_LOG");
            /* Writing to it is an error, as to a closed descriptor. */
            poison = open("/", O_PATH | O_CLOEXEC);
            log_file = open(path ? path : "/dev/null", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
            if (real_write(log_file, "guarding\\n", 9) < 0) abort();
        }

        int close(int fd) {
            /* Other libraries may close something before this one has begun. */
            if (!real_close) real_close = dlsym(RTLD_NEXT, "close");
            if (poison < 0 || fd < 3 || fd >= KNOWN || fd == log_file || fd == poison) return real_close(fd);
            pthread_mutex_lock(&lock);
            if (atomic_load(&closed[fd]) || fcntl(fd, F_GETFD) < 0) {
                pthread_mutex_unlock(&lock);
                errno = EBADF;
                return -1;
            }
            /* Closes what was there, and keeps the number. */
            atomic_store(&closed[fd], 1);
            if (dup2(poison, fd) < 0) abort();
            int oldest = waiting[next];
            waiting[next] = fd;
            next = (next + 1) % QUARANTINE;
            if (oldest >= 0) {
                atomic_store(&closed[oldest], 0);
                real_close(oldest);
            }
            pthread_mutex_unlock(&lock);
            return 0;
        }

        static void check(int fd) {
            if (fd < 0 || fd >= KNOWN || !atomic_load(&closed[fd])) return;
            int error = errno;
            char line[64];
            int length = snprintf(line, sizeof line, "write to closed %d\\n", fd);
            if (real_write(log_file, line, length) < 0) abort();
            errno = error;
        }

        #define GUARDED(result, name, parameters, arguments) \\
            result name parameters { \\
                static result (*real) parameters; \\
                if (!real) real = dlsym(RTLD_NEXT, #name); \\
                check(fd); \\
                return real arguments; \\
            }
        GUARDED(ssize_t, write, (int fd, const void *bytes, size_t count), (fd, bytes, count))
        GUARDED(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
        GUARDED(ssize_t, send, (int fd, const void *bytes, size_t count, int flags), (fd, bytes, count, flags))
        GUARDED(ssize_t, sendto, (int fd, const void *bytes, size_t count, int flags, const struct sockaddr *to, socklen_t length),
                (fd, bytes, count, flags, to, length))
        GUARDED(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))

        """
}

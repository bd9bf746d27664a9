import Foundation

/// A library for a process in which single system calls hang from a chosen time on, as with a hanging file system or name server.
public struct HangingSystem: Sendable {
    public enum Call: String, CaseIterable, Sendable {
        /// For files in ``files``.
        case open
        /// For a name that contains `invalid`.
        case getaddrinfo
        /// To a socket, with up to 1,000 bytes, by an event loop.
        case send
    }

    private let library: PreloadedLibrary

    public init() throws {
        self.library = try PreloadedLibrary(Self.source)
        try FileManager.default.createDirectory(atPath: self.files, withIntermediateDirectories: true)
    }

    /// The environment of the process that loads the library.
    public var environment: [String: String] {
        self.library.environment.merging(["HANGING_SYSTEM": self.library.directory.path]) { $1 }
    }

    /// A directory whose files can be made to hang.
    public var files: String { self.library.directory.appendingPathComponent("files").path }

    /// From now on no call of this kind returns.
    public func hang(_ call: Call) throws { try Data().write(to: self.library.directory.appendingPathComponent(call.rawValue)) }

    public func remove() { self.library.remove() }

    private static let source = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <fcntl.h>
        #include <netdb.h>
        #include <stdarg.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/socket.h>
        #include <unistd.h>

        static void hang_if_told(const char *call) {
            const char *directory = getenv("HANGING_SYSTEM");
            char path[1024];
            if (!directory) return;
            snprintf(path, sizeof path, "%s/%s", directory, call);
            while (access(path, F_OK) == 0) sleep(1000);
        }

        static void check(const char *path) {
            if (strstr(path, "/files/")) hang_if_told("open");
        }

        #define OPEN(name) \\
            int name(const char *path, int flags, ...) { \\
                static int (*real)(const char *, int, ...); \\
                va_list arguments; \\
                va_start(arguments, flags); \\
                int mode = flags & O_CREAT ? va_arg(arguments, int) : 0; \\
                va_end(arguments); \\
                if (!real) real = dlsym(RTLD_NEXT, #name); \\
                check(path); \\
                return real(path, flags, mode); \\
            }
        OPEN(open)
        OPEN(open64)

        int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
            static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
            if (!real) real = dlsym(RTLD_NEXT, "getaddrinfo");
            if (name && strstr(name, "invalid")) hang_if_told("getaddrinfo");
            return real(name, service, hints, result);
        }

        ssize_t send(int fd, const void *bytes, size_t count, int flags) {
            static ssize_t (*real)(int, const void *, size_t, int);
            if (!real) real = dlsym(RTLD_NEXT, "send");
            if (count <= 1000) hang_if_told("send");
            return real(fd, bytes, count, flags);
        }

        """
}

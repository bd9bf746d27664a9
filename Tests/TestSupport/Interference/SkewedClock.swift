import Foundation

/// A wall clock that a test sets for a process. Monotonic clocks are not changed.
public struct SkewedClock: Sendable {
    private let library: PreloadedLibrary

    public init() throws {
        self.library = try PreloadedLibrary(Self.source)
        try self.set(0)
    }

    /// The environment of the process that uses the clock.
    public var environment: [String: String] { self.library.environment.merging(["SKEWED_CLOCK": self.offset.path]) { $1 } }

    /// From now on the clock differs from the true time.
    /// - Parameter seconds: how far it is ahead; negative for behind.
    public func set(_ seconds: Int64) throws {
        let bytes = withUnsafeBytes(of: seconds) { Data($0) }
        guard FileManager.default.fileExists(atPath: self.offset.path) else { return try bytes.write(to: self.offset) }
        // Written in place, because the process has mapped this file.
        let file = try FileHandle(forWritingTo: self.offset)
        try file.write(contentsOf: bytes)
        try file.close()
    }

    public func remove() { self.library.remove() }

    private var offset: URL { self.library.directory.appendingPathComponent("offset") }

    private static let source = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <fcntl.h>
        #include <stdint.h>
        #include <stdlib.h>
        #include <sys/mman.h>
        #include <sys/time.h>
        #include <time.h>
        #include <unistd.h>

        static const volatile int64_t *offset;

        __attribute__((constructor)) static void begin(void) {
            const char *path = getenv("SKEWED_CLOCK");
            int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
            if (file < 0) abort();
            void *memory = mmap(0, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
            if (memory == MAP_FAILED) abort();
            offset = memory;
            close(file);
        }

        static int64_t skew(void) { return offset ? *offset : 0; }

        int clock_gettime(clockid_t clock, struct timespec *result) {
            static int (*real)(clockid_t, struct timespec *);
            if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
            int status = real(clock, result);
            if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) result->tv_sec += skew();
            return status;
        }

        int gettimeofday(struct timeval *result, void *zone) {
            static int (*real)(struct timeval *, void *);
            if (!real) real = dlsym(RTLD_NEXT, "gettimeofday");
            int status = real(result, zone);
            if (status == 0) result->tv_sec += skew();
            return status;
        }

        time_t time(time_t *result) {
            struct timespec now;
            clock_gettime(CLOCK_REALTIME, &now);
            if (result) *result = now.tv_sec;
            return now.tv_sec;
        }

        """
}

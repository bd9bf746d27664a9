#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

extension Gauge {
    /// The program and its process, by the names that all programs use for them.
    /// - Parameter startedAt: milliseconds since 1970, UTC.
    static func process(startedAt: Int64) -> [Gauge] {
        var gauges = [
            Gauge("volary_build_info", [Series(dimensions: [("version", NodeServer.version)], value: 1)]),
            Gauge("process_start_time_seconds", Int(startedAt), per: 1000),
        ]
        // POSIX: a million a second, of all threads.
        let time = Int(clock())
        if time >= 0 { gauges.append(Gauge("process_cpu_seconds_total", time, per: 1_000_000)) }
        if let bytes = self.residentBytes { gauges.append(Gauge("process_resident_memory_bytes", bytes)) }
        return gauges
    }

    /// Nil where there is no /proc.
    private static var residentBytes: Int? {
        guard let file = fopen("/proc/self/statm", "r") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, CInt(line.count), file) != nil else { return nil }
        let fields = line.prefix { $0 != 0 }.split(separator: CChar(bitPattern: UInt8(ascii: " ")))
        guard fields.count > 1, let pages = Int(String(decoding: fields[1].map { UInt8(bitPattern: $0) }, as: UTF8.self)) else {
            return nil
        }
        return pages * sysconf(CInt(_SC_PAGESIZE))
    }
}

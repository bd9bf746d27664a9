import Foundation

/// The system resources that a process uses.
struct ProcessUse: Sendable {
    /// Resident memory.
    var bytes: Int
    var descriptors: Int

    /// Nil when there is no such process, or no `/proc`.
    init?(of process: Int) {
        guard let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") }),
            let kilobytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Int($0) }),
            let files = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd")
        else { return nil }
        self.bytes = kilobytes * 1024
        self.descriptors = files.count
    }
}

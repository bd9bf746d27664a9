import TestSupport
import VolaryProtocol

@testable import VolaryBackplane

extension RedisServer {
    /// Of each entry in the log of ``Topic/all``, in order: its message's sequence, and its attempt.
    /// - Parameter origin: nil for all nodes'.
    func sendings(from origin: NodeID? = nil) -> [(sequence: Int, attempt: Int)] {
        let script = """
            local told = {}
            for _, found in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
                local kind, _, origin, sequence = struct.unpack('>BBI4I8', string.sub(found[2][6], 3))
                if ARGV[1] == '' or tonumber(ARGV[1]) == origin then
                    told[#told + 1], told[#told + 2] = sequence, math.floor(kind / 16)
                end
            end
            return told
            """
        let answer = self.command("EVAL", script, "1", LogKeys(.all).log, origin.map { "\($0.rawValue)" } ?? "") ?? ""
        let numbers = answer.split(separator: "\r\n").filter { $0.hasPrefix(":") }.compactMap { Int($0.dropFirst()) }
        return stride(from: 0, to: numbers.count - 1, by: 2).map { (numbers[$0], numbers[$0 + 1]) }
    }
}

import NIOCore
import TestSupport
import Testing
import VolaryProtocol

/// Message decoder: agrees with an independent reading of the RFC.
@Suite
struct MessageDecoderRandomTests {
    /// Mostly what clients send, with every kind of fault now and then.
    private func frame(_ random: inout SplitMix64, insideMessage: inout Bool) -> [UInt8] {
        var frame = ClientFrame(opcode: 0)
        if random.chance(25) {
            frame.opcode = random.chance(8) ? 8 : (random.chance(50) ? 9 : 10)
        } else {
            let continues = random.chance(3) ? !insideMessage : insideMessage
            frame.opcode = continues ? 0 : (random.chance(70) ? 1 : 2)
            frame.isFinal = random.chance(50)
            insideMessage = !frame.isFinal
        }
        frame.payload = self.payload(&random, opcode: frame.opcode)
        frame.key = random.chance(1) ? nil : random.bytes(4)
        if random.chance(2) { frame.reserved = UInt8.random(in: 1...7, using: &random) }
        if random.chance(2) { frame.opcode = UInt8.random(in: 0...15, using: &random) }
        if random.chance(1) { frame.isFinal.toggle() }
        if random.chance(2) { frame.lengthForm = random.chance(50) ? .sixteenBits : .sixtyFourBits }
        if random.chance(1) { frame.claimedLength = random.next() >> UInt64.random(in: 0...63, using: &random) }
        return frame.bytes
    }

    private func payload(_ random: inout SplitMix64, opcode: UInt8) -> [UInt8] {
        let alphabet = ["a", "Hello, ", "é", "€", "😀", "\u{0}", "\u{7FF}", "\u{FFFF}", "\u{10FFFF}", "0123456789abcdef"]
        var payload: [UInt8] = []
        if opcode == 8 {
            let codes = [1000, 1001, 1004, 1005, 1010, 1011, 1015, 2999, 3000, 4999, 5000]
            let code = codes.randomElement(using: &random)!
            payload = [UInt8(code / 256), UInt8(code % 256)]
        }
        for _ in 0..<Int.random(in: 0...(random.chance(90) ? 6 : 40), using: &random) {
            payload += Array(alphabet.randomElement(using: &random)!.utf8)
        }
        if random.chance(4), !payload.isEmpty { payload.removeLast() }
        if random.chance(4), !payload.isEmpty {
            payload[payload.indices.randomElement(using: &random)!] = UInt8(random.next() & 255)
        }
        if opcode == 8, random.chance(20) { payload = Array(payload.prefix(.random(in: 0...2, using: &random))) }
        return payload
    }

    private func mutate(_ input: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
        guard !input.isEmpty else { return input }
        var input = input
        for _ in 0..<Int.random(in: 1...3, using: &random) where !input.isEmpty {
            let index = input.indices.randomElement(using: &random)!
            switch Int.random(in: 0...4, using: &random) {
            case 0: input[index] ^= 1 << UInt8.random(in: 0...7, using: &random)
            case 1: input[index] = UInt8(truncatingIfNeeded: random.next())
            case 2: input.remove(at: index)
            case 3: input.insert(UInt8(truncatingIfNeeded: random.next()), at: index)
            default: input.removeSubrange(index...)
            }
        }
        return input
    }

    private func parts(_ input: [UInt8], _ random: inout SplitMix64) -> [[UInt8]] {
        var parts: [[UInt8]] = []
        var rest = input[...]
        while !rest.isEmpty {
            let count = Int.random(in: 1...min(rest.count, random.chance(50) ? 5 : 60), using: &random)
            parts.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return parts
    }

    @Test func `Thousands of random frame sequences, sound and broken, in random parts`() {
        print("MessageDecoderRandomTests: VOLARY_TEST_SEED=\(SplitMix64.seed)")
        var random = SplitMix64()
        var seen: [String: Int] = [:]
        for round in 0..<8000 {
            var insideMessage = false
            var input: [UInt8] = []
            for _ in 0..<Int.random(in: 1...12, using: &random) { input += self.frame(&random, insideMessage: &insideMessage) }
            if round % 4 == 3 { input = self.mutate(input, &random) }
            let maximumBytes = [1, 16, 100, 1000, 70_000].randomElement(using: &random)!
            let maximumFrames = [1, 2, 3, 16_384].randomElement(using: &random)!
            let limits = MessageLimits(maximumMessageBytes: maximumBytes, maximumFramesPerMessage: maximumFrames)
            let oracle = FrameOracle(input, maximumBytes: maximumBytes, maximumFrames: maximumFrames)
            for parts in [[input], self.parts(input, &random), input.map { [$0] }] {
                let transcript = Transcript(parts, limits: limits)
                guard transcript.events == oracle.events, transcript.faults.isEmpty,
                    transcript.violation.map({ Int($0.closeCode.rawValue) }) == oracle.violation
                else {
                    Issue.record("seed \(SplitMix64.seed), round \(round): \(input) gave \(transcript), not \(oracle)")
                    return
                }
            }
            seen[oracle.violation.map(String.init) ?? "sound", default: 0] += 1
            for event in oracle.events { seen[String("\(event)".prefix(4)), default: 0] += 1 }
        }
        // The comparison is worth what it has met.
        for kind in ["sound", "1002", "1007", "1008", "1009", "text", "bina", "ping", "pong", "clos"] {
            #expect(seen[kind, default: 0] >= 50, "\(kind) was met \(seen[kind, default: 0]) times")
        }
    }

    @Test func `Random bytes never trap, and are judged as the oracle judges them`() {
        var random = SplitMix64(state: SplitMix64.seed &+ 1)
        for round in 0..<60_000 {
            var input = random.bytes(Int.random(in: 0...40, using: &random))
            // Else nearly all would end at the first two bytes.
            if input.count > 1, random.chance(80) {
                input[0] &= 0x8F
                input[1] |= 0x80
            }
            let oracle = FrameOracle(input, maximumBytes: 1000, maximumFrames: 10)
            let limits = MessageLimits(maximumMessageBytes: 1000, maximumFramesPerMessage: 10)
            let transcript = Transcript([input], limits: limits)
            guard transcript.events == oracle.events, transcript.faults.isEmpty,
                transcript.violation.map({ Int($0.closeCode.rawValue) }) == oracle.violation
            else {
                Issue.record("seed \(SplitMix64.seed), round \(round): \(input) gave \(transcript), not \(oracle)")
                return
            }
        }
    }
}

import NIOCore
import TestSupport
import Testing
import VolaryProtocol

/// UTF-8 validator: agrees with the standard library, wherever the input is cut.
@Suite
struct UTF8ValidatorTests {
    private func isWellFormed(_ parts: [ArraySlice<UInt8>]) -> Bool {
        var validator = UTF8Validator()
        for part in parts {
            guard part.withUnsafeBytes({ validator.consume($0) }) else { return false }
        }
        return validator.isComplete
    }

    /// Whole, and in two parts at every place.
    private func agrees(_ input: [UInt8]) -> Bool {
        let expected = String(validating: input, as: UTF8.self) != nil
        guard self.isWellFormed([input[...]]) == expected else { return false }
        return (0...input.count).allSatisfy { self.isWellFormed([input[..<$0], input[$0...]]) == expected }
    }

    /// Both sides of every bound in Unicode table 3-7.
    private static let bounds: [UInt8] = [
        0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1,
        0xF3,
        0xF4, 0xF5, 0xFF,
    ]

    @Test func `All sequences of one and two bytes`() {
        for first in UInt8.min ... .max {
            #expect(self.agrees([first]))
            for second in UInt8.min ... .max where !self.agrees([first, second]) {
                Issue.record("\([first, second])")
            }
        }
    }

    @Test func `All sequences of three and four bytes at the bounds`() {
        for first in Self.bounds {
            for second in Self.bounds {
                for third in Self.bounds {
                    if !self.agrees([first, second, third]) { Issue.record("\([first, second, third])") }
                    // The others end before a fourth byte matters.
                    guard first >= 0xC2 else { continue }
                    for fourth in Self.bounds {
                        let input = [first, second, third, fourth]
                        let expected = String(validating: input, as: UTF8.self) != nil
                        if self.isWellFormed([input[...]]) != expected { Issue.record("\(input)") }
                    }
                }
            }
        }
    }

    @Test func `Every Unicode scalar is taken, whole and byte by byte`() {
        var input: [UInt8] = []
        for value in 0...0x10FFFF as ClosedRange<UInt32> {
            if let scalar = Unicode.Scalar(value) { input += UTF8.encode(scalar)! }
        }
        #expect(self.isWellFormed([input[...]]))
        var validator = UTF8Validator()
        let isTaken = input.allSatisfy { byte in withUnsafeBytes(of: byte) { validator.consume($0) } }
        #expect(isTaken)
        #expect(validator.isComplete)
    }

    @Test func `A byte is refused exactly when nothing can make the input good again`() {
        for first in Self.bounds {
            for second in Self.bounds {
                for third in Self.bounds {
                    let input = [first, second, third]
                    var validator = UTF8Validator()
                    for index in input.indices {
                        let taken = input[index...index].withUnsafeBytes { validator.consume($0) }
                        if taken != FrameOracle.canBecomeUTF8(Array(input[...index])) { Issue.record("\(input) at \(index)") }
                    }
                }
            }
        }
    }

    @Test func `What was refused stays refused`() {
        var validator = UTF8Validator()
        for input: [UInt8] in [[0xFF], Array("good".utf8), [], [0x80], [0xFF]] {
            let isTaken = input.withUnsafeBytes { validator.consume($0) }
            #expect(!isTaken)
            #expect(!validator.isComplete)
        }
    }

    @Test func `A wrong byte is found at every place of a long run of ASCII`() {
        for length in 1...40 {
            for place in 0..<length {
                for wrong: [UInt8] in [[0x80], [0xFF], [0xC3], [0xC3, 0xA9], [0xE2, 0x82, 0xAC], [0xF0, 0x9F, 0x98, 0x80]] {
                    var input = Array(repeating: 0x61 as UInt8, count: length)
                    input.replaceSubrange(place...place, with: wrong)
                    if !self.agrees(input) { Issue.record("\(input)") }
                }
            }
        }
    }

    @Test func `Random texts, sound and broken`() {
        print("UTF8ValidatorTests: VOLARY_TEST_SEED=\(SplitMix64.seed)")
        var random = SplitMix64()
        var sound = 0
        for _ in 0..<10_000 {
            var input: [UInt8] = []
            for _ in 0..<Int.random(in: 0...12, using: &random) {
                let limit: UInt32 = [0x7F, 0x7FF, 0xFFFF, 0x10FFFF].randomElement(using: &random)!
                let scalar = Unicode.Scalar(UInt32.random(in: 0...limit, using: &random)) ?? "x"
                input += UTF8.encode(scalar)!
            }
            if random.chance(50), !input.isEmpty {
                input[input.indices.randomElement(using: &random)!] = UInt8(truncatingIfNeeded: random.next())
            }
            if String(validating: input, as: UTF8.self) != nil { sound += 1 }
            guard self.agrees(input) else {
                Issue.record("seed \(SplitMix64.seed): \(input)")
                return
            }
        }
        #expect((2000...8000).contains(sound))
    }

    @Test func `A buffer says whether its readable bytes are UTF-8`() {
        var buffer = ByteBuffer(bytes: [0xFF, 0x61, 0xC3, 0xA9, 0xC3])
        #expect(!buffer.isWellFormedUTF8)
        buffer.moveReaderIndex(forwardBy: 1)
        #expect(!buffer.isWellFormedUTF8)
        buffer.moveWriterIndex(to: 4)
        #expect(buffer.isWellFormedUTF8)
        #expect(ByteBuffer().isWellFormedUTF8)
    }
}

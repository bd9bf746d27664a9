import NIOCore
import TestSupport
import Testing
import VolaryProtocol

/// Compressed messages: bounded while they are inflated.
@Suite
struct CompressionBombTests {
    private func frame(_ data: [UInt8], isFinal: Bool = true, first: Bool = true) -> [UInt8] {
        ClientFrame(isFinal: isFinal, reserved: first ? 4 : 0, opcode: first ? 2 : 0, payload: data).bytes
    }

    /// What the decoder's inflated bytes take, found by reflection: the product does not show it.
    private func held(by decoder: MessageDecoder) throws -> Int {
        let field = try #require(Mirror(reflecting: decoder).children.first { $0.label == "compressed" }, "renamed")
        guard let compressed = Mirror(reflecting: field.value).children.first?.value else { return 0 }
        let payload = try #require(Mirror(reflecting: compressed).children.first { $0.label == "payload" }, "renamed")
        return try #require(payload.value as? ByteBuffer).capacity
    }

    @Test func `A message may inflate to the limit, and not to a byte more`() {
        let data = DeflateData.zeros(matches: 100)
        let size = 1 + 258 * 100
        for (limit, fits) in [(size - 1, false), (size, true), (size + 1, true)] {
            let transcript = Transcript(
                [self.frame(data)],
                limits: MessageLimits(maximumMessageBytes: limit),
                compression: DeflateData.agreement
            )
            #expect(transcript.violation == (fits ? nil : .messageTooBig))
            #expect(transcript.events.count == (fits ? 1 : 0))
        }
    }

    @Test func `A bomb costs the limit and no more, whole or in crumbs`() throws {
        // 5 MB in 33 KB.
        let data = DeflateData.zeros(matches: 20_000)
        let fragments = stride(from: 0, to: data.count, by: 7).map {
            self.frame(Array(data[$0..<min($0 + 7, data.count)]), isFinal: false, first: $0 == 0)
        }
        for parts in [[self.frame(data)], fragments] {
            var decoder = MessageDecoder(compression: DeflateData.agreement)
            var largest = 0
            var violation: ProtocolViolation?
            for part in parts where violation == nil {
                var bytes = ByteBuffer(bytes: part)
                do { while try decoder.next(&bytes) != nil {} } catch { violation = error }
                largest = max(largest, try self.held(by: decoder))
            }
            #expect(violation == .messageTooBig)
            #expect(largest <= decoder.limits.maximumMessageBytes)
            #expect(try self.held(by: decoder) == 0)
        }
    }

    @Test(arguments: [1, 7, 1024, 65_536])
    func `A message is inflated in as many steps as wanted, and is the same`(step: Int) throws {
        let size = step == 1 ? 1 + 258 * 4 : 1 + 258 * 1000
        let data = DeflateData.zeros(matches: (size - 1) / 258)
        for (limit, fits) in [(size - 1, false), (size, true), (size + 1, true)] {
            var decoder = MessageDecoder(limits: MessageLimits(maximumMessageBytes: limit), compression: DeflateData.agreement)
            let ping = ClientFrame.ping("x")
            var bytes = ByteBuffer(
                bytes: self.frame(Array(data[..<5]), isFinal: false) + self.frame(Array(data[5...]), first: false) + ping
            )
            var (events, steps, most): ([Seen], Int, Int) = ([], 0, 0)
            var violation: ProtocolViolation?
            while violation == nil, bytes.readableBytes > 0 {
                var left = step
                do { try decoder.next(&bytes, inflating: &left).map { events.append(Seen($0)) } } catch { violation = error }
                most = max(most, step - left)
                steps += 1
            }
            #expect(violation == (fits ? nil : .messageTooBig))
            #expect(events == (fits ? [.binary(Array(repeating: 0, count: size)), .ping([0x78])] : []))
            #expect(most <= step && steps >= (size - 1) / step)
        }
    }

    @Test func `Data in random fragments and steps gives what it gives at once`() throws {
        var random = SplitMix64()
        let deflater = Deflater()
        for round in 0..<300 {
            let letters = (0..<Int.random(in: 128...6000, using: &random)).map { _ in "abc €".utf8.randomElement(using: &random)!
            }
            let data = try #require(deflater.compress(ByteBuffer(bytes: letters)).map { Array(buffer: $0) })
            let cut = Int.random(in: 0...data.count, using: &random)
            var input = self.frame(Array(data[..<cut]), isFinal: false) + self.frame(Array(data[cut...]), first: false)
            input += ClientFrame.ping("next")
            var decoder = MessageDecoder(compression: DeflateData.agreement)
            var (bytes, events): (ByteBuffer, [Seen]) = (ByteBuffer(), [])
            while !input.isEmpty || bytes.readableBytes > 0 {
                let arrived = input.prefix(Int.random(in: 0...40, using: &random))
                input.removeFirst(arrived.count)
                bytes.writeBytes(arrived)
                var step = Int.random(in: 1...500, using: &random)
                if let event = try decoder.next(&bytes, inflating: &step) { events.append(Seen(event)) }
            }
            guard events == [.binary(letters), .ping(Array("next".utf8))] else {
                Issue.record("seed \(SplitMix64.seed), round \(round): \(events)")
                return
            }
        }
    }

    @Test func `Memory follows what has come out, and is given up with the message`() throws {
        let data = DeflateData.zeros(matches: 1000)
        var decoder = MessageDecoder(compression: DeflateData.agreement)
        #expect(try self.held(by: decoder) == 0)
        var bytes = ByteBuffer(bytes: self.frame(Array(data[..<200]), isFinal: false))
        #expect(try decoder.next(&bytes) == nil)
        #expect((200 * 8 / 13 * 258...1 << 16).contains(try self.held(by: decoder)))
        bytes = ByteBuffer(bytes: self.frame(Array(data[200...]), first: false))
        guard case .binary(let payload) = try decoder.next(&bytes) else {
            Issue.record("no message")
            return
        }
        #expect(payload.readableBytes == 258_001)
        #expect(try self.held(by: decoder) == 0)
    }

    @Test func `Data that inflates to nothing ends at twice the limit`() {
        // Empty stored blocks.
        let nothing = Array(repeating: [0x00, 0x00, 0x00, 0xFF, 0xFF] as [UInt8], count: 100).flatMap(\.self)
        let limits = MessageLimits(maximumMessageBytes: 1000)
        var input = self.frame(nothing, isFinal: false)
        for _ in 1...6 { input += self.frame(nothing, isFinal: false, first: false) }
        let transcript = Transcript([input], limits: limits, compression: DeflateData.agreement)
        #expect(transcript.violation == .messageTooBig)
        // A claim alone is refused too.
        let claim = ClientFrame(reserved: 4, opcode: 2, claimedLength: 3025).bytes
        expect(claim, limits: limits, compression: DeflateData.agreement, violation: .messageTooBig)
        expect(
            ClientFrame(reserved: 4, opcode: 2, claimedLength: UInt64(Int.max)).bytes,
            limits: limits,
            compression: DeflateData.agreement,
            violation: .messageTooBig
        )
    }

    @Test func `Data that became longer by compressing fits where the message does`() {
        var random = SplitMix64()
        let payload = random.bytes(1000)
        let data = DeflateData.stored(payload, blockBytes: 8)
        let limits = MessageLimits(maximumMessageBytes: 1000)
        let transcript = Transcript([self.frame(data)], limits: limits, compression: DeflateData.agreement)
        #expect(transcript.events == [.binary(payload)])
    }

    @Test func `Broken data in random parts never traps`() {
        var random = SplitMix64()
        let deflater = Deflater()
        var ends: [Bool: Int] = [:]
        for round in 0..<4000 {
            let letters = (0..<Int.random(in: 128...600, using: &random)).map { _ in "abc €".utf8.randomElement(using: &random)! }
            var data = deflater.compress(ByteBuffer(bytes: letters)).map { Array(buffer: $0) } ?? letters
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                data[data.indices.randomElement(using: &random)!] = UInt8(truncatingIfNeeded: random.next())
            }
            let cut = Int.random(in: 0...data.count, using: &random)
            let input = self.frame(Array(data[..<cut]), isFinal: false) + self.frame(Array(data[cut...]), first: false)
            let limits = MessageLimits(maximumMessageBytes: 500)
            let whole = Transcript([input], limits: limits, compression: DeflateData.agreement)
            let crumbs = Transcript(input.map { [$0] }, limits: limits, compression: DeflateData.agreement)
            guard whole == crumbs, whole.faults.isEmpty else {
                Issue.record("seed \(SplitMix64.seed), round \(round): \(whole) and \(crumbs)")
                return
            }
            ends[whole.violation == nil, default: 0] += 1
        }
        #expect(ends[true, default: 0] > 100 && ends[false, default: 0] > 100)
    }
}

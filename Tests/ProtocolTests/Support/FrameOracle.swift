/// What a server must make of a client's bytes, in the plainest way: the whole input at hand, one clause of RFC 6455 after the
/// other. Shares nothing with the product.
struct FrameOracle {
    var events: [Seen] = []
    /// The close code of the violation that ends the connection.
    var violation: Int?

    init(_ input: [UInt8], maximumBytes: Int, maximumFrames: Int) {
        self.judge(input, maximumBytes, maximumFrames)
    }

    private mutating func judge(_ input: [UInt8], _ maximumBytes: Int, _ maximumFrames: Int) {
        var rest = input
        var messageOpcode = 0  // 0: none has begun
        var message: [UInt8] = []
        var frames = 0

        while true {
            // 5.2: FIN, RSV1-3, opcode
            guard rest.count > 0 else { return }
            let first = Int(rest[0])
            let final = first / 128 == 1
            let opcode = first % 16
            if (first / 16) % 8 != 0 { return self.fail(1002) }
            if ![0, 1, 2, 8, 9, 10].contains(opcode) { return self.fail(1002) }
            let control = opcode >= 8
            if control && !final { return self.fail(1002) }

            // 5.2: MASK, payload length
            guard rest.count > 1 else { return }
            let masked = Int(rest[1]) / 128 == 1
            if !masked { return self.fail(1002) }
            let length7 = Int(rest[1]) % 128
            if control && length7 > 125 { return self.fail(1002) }
            var length = Double(length7)  // exact enough: only compared with limits far below 2^53
            var headerLength = 2
            if length7 == 126 {
                guard rest.count >= 4 else { return }
                length = Double(rest[2]) * 256 + Double(rest[3])
                headerLength = 4
                if length < 126 { return self.fail(1002) }
            }
            if length7 == 127 {
                guard rest.count >= 10 else { return }
                if rest[2] >= 128 { return self.fail(1002) }
                length = rest[2...9].reduce(0) { $0 * 256 + Double($1) }
                headerLength = 10
                if length < 65536 { return self.fail(1002) }
            }

            // 5.3: the key
            guard rest.count >= headerLength + 4 else { return }
            let key = Array(rest[headerLength..<headerLength + 4])

            // 5.4: fragments; 10.4: limits
            if !control {
                if opcode == 0 && messageOpcode == 0 { return self.fail(1002) }
                if opcode != 0 && messageOpcode != 0 { return self.fail(1002) }
                if opcode != 0 { messageOpcode = opcode }
                if Double(message.count) + length > Double(maximumBytes) { return self.fail(1009) }
                frames += 1
                if frames > maximumFrames { return self.fail(1008) }
            }

            // What is there of the payload
            let available = min(Int(min(length, 1e9)), rest.count - headerLength - 4)
            var payload: [UInt8] = []
            for index in 0..<available { payload.append(rest[headerLength + 4 + index] ^ key[index % 4]) }
            let complete = Double(available) == length

            // 8.1: text is UTF-8
            if !control && messageOpcode == 1 && !Self.canBecomeUTF8(message + payload) { return self.fail(1007) }
            guard complete else { return }
            rest.removeFirst(headerLength + 4 + available)

            if !control {
                message += payload
                if final {
                    if messageOpcode == 1 {
                        if String(validating: message, as: UTF8.self) == nil { return self.fail(1007) }
                        self.events.append(.text(message))
                    } else {
                        self.events.append(.binary(message))
                    }
                    message = []
                    messageOpcode = 0
                    frames = 0
                }
            } else if opcode == 9 {
                self.events.append(.ping(payload))
            } else if opcode == 10 {
                self.events.append(.pong(payload))
            } else {
                return self.close(payload)
            }
        }
    }

    private mutating func fail(_ code: Int) {
        self.violation = code
    }

    /// 5.5.1 and 7.4
    private mutating func close(_ payload: [UInt8]) {
        if payload.isEmpty {
            self.events.append(.close(nil, ""))
            return
        }
        if payload.count == 1 { return self.fail(1002) }
        let code = Int(payload[0]) * 256 + Int(payload[1])
        let named = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]
        if !named.contains(code) && !(code >= 3000 && code < 5000) { return self.fail(1002) }
        guard let reason = String(validating: payload.dropFirst(2), as: UTF8.self) else { return self.fail(1007) }
        self.events.append(.close(UInt16(code), reason))
    }

    /// Whether some bytes exist that, put behind these, make well-formed UTF-8: at most three are ever missing, and of the first
    /// of them one of three is always right, whatever the character.
    static func canBecomeUTF8(_ bytes: [UInt8]) -> Bool {
        if String(validating: bytes, as: UTF8.self) != nil { return true }
        for first: UInt8 in [0x80, 0x90, 0xA0] {
            for more in 0...2 {
                let completed = bytes + [first] + Array(repeating: 0x80, count: more)
                if String(validating: completed, as: UTF8.self) != nil { return true }
            }
        }
        return false
    }
}

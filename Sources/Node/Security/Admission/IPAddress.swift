import NIOCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// An IP address without a port. An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`), as a dual-stack listener reports it, is IPv4.
struct IPAddress: Hashable, Sendable {
    /// The upper and lower half of 128 bits. IPv4 uses the last 32 bits, after the prefix `::ffff:0:0/96`.
    private let high: UInt64
    private let low: UInt64

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// - Parameter text: dotted decimals without leading zeros, or IPv6 without a zone and without brackets.
    init?(_ text: some StringProtocol) {
        // The longest IPv6 text has 45 characters. `inet_pton` takes a C string, which cannot contain a zero byte.
        guard text.utf8.count <= 45, !text.utf8.contains(0) else { return nil }
        let text = String(text)
        var bytes: (UInt64, UInt64) = (0, 0)
        if withUnsafeMutableBytes(of: &bytes, { inet_pton(AF_INET, text, $0.baseAddress) }) == 1 {
            self.init(ipv4: UInt32(truncatingIfNeeded: UInt64(bigEndian: bytes.0) >> 32))
        } else if withUnsafeMutableBytes(of: &bytes, { inet_pton(AF_INET6, text, $0.baseAddress) }) == 1 {
            self.init(high: UInt64(bigEndian: bytes.0), low: UInt64(bigEndian: bytes.1))
        } else {
            return nil
        }
    }

    /// - Parameter ipv4: the first byte is the most significant.
    init(ipv4: UInt32) { self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(ipv4)) }

    /// Nil for a Unix domain socket.
    init?(_ address: SocketAddress?) {
        // The offsets of `sin_addr` and `sin6_addr`, the same on all systems. The fields' module depends on the imports, so they
        // are not named.
        switch address {
        case .v4(let address):
            let address = withUnsafeBytes(of: address.address) { $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self) }
            self.init(ipv4: UInt32(bigEndian: address))
        case .v6(let address):
            let halves = withUnsafeBytes(of: address.address) {
                ($0.loadUnaligned(fromByteOffset: 8, as: UInt64.self), $0.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
            }
            self.init(high: UInt64(bigEndian: halves.0), low: UInt64(bigEndian: halves.1))
        case .unixDomainSocket, nil:
            return nil
        }
    }

    /// Reads 4 or 16 bytes in network byte order.
    init?(reading bytes: inout ByteBuffer, isIPv4: Bool) {
        if isIPv4 {
            guard let address = bytes.readInteger(as: UInt32.self) else { return nil }
            self.init(ipv4: address)
        } else {
            guard let (high, low) = bytes.readMultipleIntegers(as: (UInt64, UInt64).self) else { return nil }
            self.init(high: high, low: low)
        }
    }

    var isIPv4: Bool { self.high == 0 && self.low >> 32 == 0xFFFF }

    /// - Parameter bits: length of the prefix, 0 to 128; 96 or more for IPv4.
    func prefix(_ bits: Int) -> IPAddress {
        IPAddress(
            high: bits >= 64 ? self.high : self.high & ~(UInt64.max >> UInt64(bits)),
            low: bits <= 64 ? 0 : self.low & ~(UInt64.max >> UInt64(bits - 64))
        )
    }

    /// The address that counts as one client: for IPv6 its /64, because one subscriber usually has a whole /64.
    var subscriber: IPAddress { self.isIPv4 ? self : self.prefix(64) }
}

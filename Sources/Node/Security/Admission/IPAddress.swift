import NIOCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// An address without a port. IPv4 written in IPv6 (`::ffff:192.0.2.1`), as a listener for both sees it, is IPv4.
struct IPAddress: Hashable, Sendable {
    /// Of the 128 bits of IPv6; IPv4 takes the last 32, after the prefix `::ffff:0:0/96`.
    private let high: UInt64
    private let low: UInt64

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// - Parameter text: dotted decimals without leading zeros, or IPv6 without a zone and without brackets.
    init?(_ text: some StringProtocol) {
        // The longest text of IPv6 has 45 characters; the system's function wants no zero inside.
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

    /// - Parameter ipv4: the first byte is the highest.
    init(ipv4: UInt32) { self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(ipv4)) }

    /// Nil for a socket of the file system.
    init?(_ address: SocketAddress?) {
        // Where `sin_addr` and `sin6_addr` stand on all systems; whose module they belong to depends on what else is imported.
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

    /// Takes 4 or 16 bytes, the highest first.
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

    /// - Parameter bits: 0 to 128, from the front; of IPv4, 96 and more.
    func prefix(_ bits: Int) -> IPAddress {
        IPAddress(
            high: bits >= 64 ? self.high : self.high & ~(UInt64.max >> UInt64(bits)),
            low: bits <= 64 ? 0 : self.low & ~(UInt64.max >> UInt64(bits - 64))
        )
    }

    /// What is counted as one client: of IPv6 the first 64 bits, since whoever has one address there has all of the rest.
    var subscriber: IPAddress { self.isIPv4 ? self : self.prefix(64) }
}

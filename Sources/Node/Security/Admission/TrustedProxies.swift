import NIOHTTP1

/// The proxies that are believed when they say whose connection they pass on, and where they say it.
struct TrustedProxies: Sendable {
    /// Only one is looked at: a proxy that writes the one hands on the other as the client wrote it.
    enum Header: String, Sendable, CaseIterable {
        case xForwardedFor = "x-forwarded-for"
        /// RFC 7239.
        case forwarded
    }

    /// What a trusted proxy says is no list of addresses.
    struct MalformedForwardedHeader: Error, Hashable {}

    var ranges: [AddressRange] = []
    var header = Header.xForwardedFor
    /// Whether their connections begin with a header of the PROXY protocol. Those of others never do.
    var speakProxyProtocol = false

    func contains(_ address: IPAddress) -> Bool { self.ranges.contains { $0.contains(address) } }

    /// Whose request it is: the last one in the list of hops that is no trusted proxy, since only trusted ones have written what stands
    /// behind it. A proxy that hides its client's address is taken for the client.
    /// - Parameter peer: who has sent it here. Unless that is a trusted proxy, its headers say nothing.
    func client(of request: HTTPRequestHead, from peer: IPAddress) throws(MalformedForwardedHeader) -> IPAddress {
        guard self.contains(peer) else { return peer }
        let lines = request.headers[self.header.rawValue]
        guard !lines.isEmpty else { return peer }
        let list = lines.joined(separator: ",")
        var client = peer
        switch self.header {
        case .xForwardedFor:
            // From behind, and no further than needed: what stands before is the client's own word.
            for hop in list.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).reversed() {
                guard let address = ForwardedHop.address(Substring(hop).trimmingOWS) else { throw MalformedForwardedHeader() }
                client = address
                if !self.contains(client) { break }
            }
        case .forwarded:
            for hop in try ForwardedHop.hops(list).reversed() {
                guard case .address(let address) = hop else { break }
                client = address
                if !self.contains(client) { break }
            }
        }
        return client
    }
}

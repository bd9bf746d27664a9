import NIOHTTP1

/// The proxies whose forwarding headers are trusted, and the header that they use.
struct TrustedProxies: Sendable {
    /// Only one header is read: a proxy that sets one of them may pass the other on as the client sent it.
    enum Header: String, Sendable, CaseIterable {
        case xForwardedFor = "x-forwarded-for"
        /// RFC 7239.
        case forwarded
    }

    /// A trusted proxy's header is not a valid list of addresses.
    struct MalformedForwardedHeader: Error, Hashable {}

    var ranges: [AddressRange] = []
    var header = Header.xForwardedFor
    /// Whether their connections begin with a PROXY header. Others' connections never do.
    var speakProxyProtocol = false

    func contains(_ address: IPAddress) -> Bool { self.ranges.contains { $0.contains(address) } }

    /// The address of the request's client: the last hop in the list that is not a trusted proxy, because only trusted proxies
    /// have written the entries after it. A proxy that hides its client's address counts as the client.
    /// - Parameter peer: the sender of the request. Unless it is a trusted proxy, its headers are ignored.
    func client(of request: HTTPRequestHead, from peer: IPAddress) throws(MalformedForwardedHeader) -> IPAddress {
        guard self.contains(peer) else { return peer }
        let lines = request.headers[self.header.rawValue]
        guard !lines.isEmpty else { return peer }
        let list = lines.joined(separator: ",")
        var client = peer
        switch self.header {
        case .xForwardedFor:
            // From the end, and no further than needed: earlier entries may be forged by the client.
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

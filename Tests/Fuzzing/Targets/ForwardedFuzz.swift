@testable import VolaryNode

enum ForwardedFuzz {
    /// White space around a list changes nothing, an appended element is one more hop, and an address is the same in both header
    /// fields.
    static func check(_ input: [UInt8]) throws(FuzzFailure) {
        let text = String(decoding: input, as: UTF8.self)
        let hops = try? ForwardedHop.hops(text)
        try hold((try? ForwardedHop.hops(" \t\(text)\t ")) == hops, "with white space around it, \(text) is different")
        if let hops {
            try hold(
                (try? ForwardedHop.hops("\(text), for=unknown")) == hops + [.hidden],
                "\(text) with an appended hop is different"
            )
        }
        for hop in text.split(separator: ",").map(\.trimmingOWS) {
            // RFC 7239 section 6 requires brackets for IPv6.
            guard let address = ForwardedHop.address(hop), address.isIPv4 || hop.hasPrefix("[") else { continue }
            try hold((try? ForwardedHop.hops("for=\"\(hop)\"")) == [.address(address)], "\(hop) is another address")
        }
    }

    static var seeds: [[UInt8]] {
        [
            "for=192.0.2.1", #"for="[2001:db8::1]:4711";proto=https;by=203.0.113.43"#, "for=unknown, for=_hidden;by=a",
            #"host="a\"b", FOR="192.0.2.1:_port""#, "192.0.2.1, 198.51.100.7:80", "[2001:db8::1]:80,::1", "proto=http",
        ].map { Array($0.utf8) }
    }
}

/// Which connections may speak HTTP/2.
public enum HTTP2Mode: String, Sendable {
    /// Only those with TLS, by ALPN.
    case tls
    /// In addition those without TLS whose client begins with HTTP/2 (RFC 9113 section 3.3, "prior knowledge"), as balancers do.
    case on
    /// None.
    case off
}

public import NIOCore
import NIOSSL

/// TLS for clients, with NIO's implementation.
public struct TestTLS: Sendable {
    private let context: NIOSSLContext

    /// - Parameters:
    ///   - trusted: a PEM file. The server must have this certificate, or one that it signed.
    ///   - protocols: offered by ALPN; empty for no offer.
    public init(trusted: String, protocols: [String] = ["http/1.1"]) throws {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .file(trusted)
        configuration.applicationProtocols = protocols
        self.context = try NIOSSLContext(configuration: configuration)
    }

    public func addHandler(to channel: any Channel) throws {
        try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: self.context, serverHostname: "localhost"))
    }
}

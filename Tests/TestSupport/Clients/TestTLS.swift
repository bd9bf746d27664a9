import NIOCore
import NIOSSL

/// TLS for clients, with NIO's implementation.
public struct TestTLS: Sendable {
    private let context: NIOSSLContext

    /// - Parameter trusted: a PEM file. The server must have this certificate, or one that it signed.
    public init(trusted: String) throws {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .file(trusted)
        configuration.applicationProtocols = ["h2", "http/1.1"]
        self.context = try NIOSSLContext(configuration: configuration)
    }

    func addHandler(to channel: any Channel) throws {
        try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: self.context, serverHostname: "localhost"))
    }
}

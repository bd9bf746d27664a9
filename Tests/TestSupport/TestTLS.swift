import NIOCore
import NIOSSL

/// A client's half of TLS, on NIO's implementation.
public struct TestTLS: Sendable {
    private let context: NIOSSLContext

    /// - Parameter trusted: PEM file; the server must show this certificate, or one that it has signed.
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

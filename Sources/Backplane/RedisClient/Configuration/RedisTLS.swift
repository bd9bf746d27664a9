import Foundation
import NIOCore
import NIOPosix
import NIOSSL

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The TLS half of connections to Redis. Belongs to one event loop.
///
/// The authorities to trust are read once, and again after a connection has failed on them: replaced ones are found without a restart. From
/// then on on a thread of its own, which nobody waits for: a file system that hangs holds up no event loop.
final class RedisTLS {
    private let trustRootsFile: String?
    private var context: NIOSSLContext?
    private var isReading = false

    /// Blocks for as long as the authorities take to be read.
    init?(_ configuration: RedisConfiguration) {
        guard configuration.tls else { return nil }
        self.trustRootsFile = configuration.trustRootsFile
        // What is wrong with them is said with the first connection.
        self.context = try? Self.makeContext(configuration.trustRootsFile)
    }

    func makeHandler(for address: RedisAddress) throws -> NIOSSLClientHandler {
        try NIOSSLClientHandler(context: try self.currentContext(), serverHostname: Self.serverName(address))
    }

    private func currentContext() throws -> NIOSSLContext {
        if let context { return context }
        let context = try Self.makeContext(self.trustRootsFile)
        self.context = context
        return context
    }

    private static func makeContext(_ trustRootsFile: String?) throws -> NIOSSLContext {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let trustRootsFile { tls.trustRoots = .certificates(try self.authorities(in: trustRootsFile)) }
        return try NIOSSLContext(configuration: tls)
    }

    /// The authorities before serve until they are there.
    private func readAgain(on eventLoop: any EventLoop) {
        guard !self.isReading else { return }
        self.isReading = true
        let (file, own) = (self.trustRootsFile, NIOLoopBound(self, eventLoop: eventLoop))
        Thread.detachNewThread {
            let context = try? Self.makeContext(file)
            eventLoop.execute {
                own.value.isReading = false
                if let context { own.value.context = context }
            }
        }
    }

    /// Read here, because the library does not see a certificate behind a byte order mark.
    private static func authorities(in file: String) throws -> [NIOSSLCertificate] {
        guard let pem = FileManager.default.contents(atPath: file) else { throw NIOSSLError.noSuchFilesystemObject }
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        return try NIOSSLCertificate.fromPEMBytes(Array(pem.starts(with: mark) ? pem.dropFirst(mark.count) : pem))
    }

    /// Server names are names: an address is checked against the certificate's addresses instead.
    private static func serverName(_ address: RedisAddress) -> String? {
        (try? SocketAddress(ipAddress: address.host, port: 0)) == nil ? address.host : nil
    }

    // MARK: - What is wrong with a certificate

    /// Whether the certificate's chain was refused, which is all that the library says.
    static func isUntrusted(_ error: any Error) -> Bool {
        guard case NIOSSLError.handshakeFailed = error else { return false }
        return "\(error)".contains("CERTIFICATE_VERIFY_FAILED")
    }

    /// Connects once more, looks at the certificate, and hangs up before anything is said.
    ///
    /// - Parameter completion: called once, with what is wrong, for operators.
    func examine(
        _ address: RedisAddress,
        connectTimeout: Duration,
        eventLoop: NIOIsolatedEventLoop,
        completion: @escaping (String) -> Void
    ) {
        let context = self.context
        self.readAgain(on: eventLoop.nonisolated())
        let unknown = "the server's certificate is not signed by an authority that is trusted here"
        guard let context else { return completion(unknown) }
        let loop = eventLoop.nonisolated()
        let verdict = loop.makePromise(of: String.self)
        let name = Self.serverName(address)
        loop.scheduleTask(in: TimeAmount(connectTimeout * 2)) { verdict.succeed(unknown) }
        ClientBootstrap(group: loop)
            .connectTimeout(TimeAmount(connectTimeout))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = try NIOSSLClientHandler(context: context, serverHostname: name) { chain, answer in
                        verdict.succeed(Self.expiry(of: chain) ?? unknown)
                        answer.succeed(NIOSSLVerificationResult.failed)
                    }
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .connect(host: address.host, port: address.port)
            .whenComplete { result in
                switch result {
                case .success(let channel): verdict.futureResult.whenComplete { _ in channel.close(promise: nil) }
                case .failure: verdict.succeed(unknown)
                }
            }
        verdict.futureResult.assumeIsolated().whenSuccess { completion($0) }
    }

    private static func expiry(of chain: [NIOSSLCertificate]) -> String? {
        let now = time(nil)
        if chain.contains(where: { $0.notValidAfter < now }) { return "the server's certificate has expired" }
        if chain.contains(where: { $0.notValidBefore > now }) { return "the server's certificate is not valid yet" }
        return nil
    }
}

@available(*, unavailable)
extension RedisTLS: Sendable {}

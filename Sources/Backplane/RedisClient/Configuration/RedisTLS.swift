import Dispatch
import Foundation
import NIOCore
import NIOPosix
import NIOSSL

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// TLS for connections to Redis. Belongs to one event loop.
///
/// The trusted authorities are read once, and again after a certificate was not trusted, so that replaced authorities need no
/// restart. They are reloaded on a separate thread, without waiting: a file system that hangs does not block the event loop.
final class RedisTLS {
    private let trustRootsFile: String?
    private var context: NIOSSLContext?
    private var isReloading = false

    /// Blocks while the authorities are read.
    init?(_ configuration: RedisConfiguration) {
        guard configuration.tls else { return nil }
        self.trustRootsFile = configuration.trustRootsFile
        // Errors are reported by the first connection.
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

    /// The previous authorities are used until the new ones are read.
    private func reload(on eventLoop: any EventLoop) {
        guard !self.isReloading else { return }
        self.isReloading = true
        let (file, own) = (self.trustRootsFile, NIOLoopBound(self, eventLoop: eventLoop))
        DispatchQueue(label: "volary.redis-authorities").async {
            let context = try? Self.makeContext(file)
            eventLoop.execute {
                own.value.isReloading = false
                if let context { own.value.context = context }
            }
        }
    }

    /// Read here, because the library does not find a certificate after a byte order mark.
    private static func authorities(in file: String) throws -> [NIOSSLCertificate] {
        guard let pem = FileManager.default.contents(atPath: file) else { throw NIOSSLError.noSuchFilesystemObject }
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        return try NIOSSLCertificate.fromPEMBytes(Array(pem.starts(with: mark) ? pem.dropFirst(mark.count) : pem))
    }

    /// The host's name; nil for an address, which is checked against the certificate's addresses instead.
    private static func serverName(_ address: RedisAddress) -> String? {
        (try? SocketAddress(ipAddress: address.host, port: 0)) == nil ? address.host : nil
    }

    // MARK: - Errors of certificates

    /// Whether the certificate's chain was not trusted. The library gives no further reason.
    static func isUntrusted(_ error: any Error) -> Bool {
        guard case NIOSSLError.handshakeFailed = error else { return false }
        return "\(error)".utf8.contains("CERTIFICATE_VERIFY_FAILED".utf8)
    }

    /// Connects once more, examines the certificate, and closes the connection before any data is sent.
    ///
    /// - Parameter completion: called once with the error, for operators.
    func examine(
        _ address: RedisAddress,
        connectTimeout: Duration,
        eventLoop: NIOIsolatedEventLoop,
        completion: @escaping (String) -> Void
    ) {
        let context = self.context
        self.reload(on: eventLoop.nonisolated())
        let unknown = "the server's certificate is not signed by a trusted authority"
        guard let context else { return completion(unknown) }
        let loop = eventLoop.nonisolated()
        let reason = loop.makePromise(of: String.self)
        let name = Self.serverName(address)
        loop.scheduleTask(in: TimeAmount(connectTimeout * 2)) { reason.succeed(unknown) }
        ClientBootstrap(group: loop)
            .connectTimeout(TimeAmount(connectTimeout))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = try NIOSSLClientHandler(context: context, serverHostname: name) { chain, answer in
                        reason.succeed(Self.expiry(of: chain) ?? unknown)
                        answer.succeed(NIOSSLVerificationResult.failed)
                    }
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .connect(host: address.host, port: address.port)
            .whenComplete { result in
                switch result {
                case .success(let channel): reason.futureResult.whenComplete { _ in channel.close(promise: nil) }
                case .failure: reason.succeed(unknown)
                }
            }
        reason.futureResult.assumeIsolated().whenSuccess { completion($0) }
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

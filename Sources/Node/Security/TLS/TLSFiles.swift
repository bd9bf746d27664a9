import Foundation
import NIOCore
import NIOSSL
import VolaryProtocol

/// A certificate chain and its private key, in two files.
struct TLSFiles: Hashable, Sendable {
    /// PEM: the node's own certificate first, then the intermediate certificates.
    let certificate: String
    /// PEM, not encrypted.
    let key: String
    /// Whether clients may choose HTTP/2 (by ALPN, RFC 7301).
    var offersHTTP2 = true
    /// Where the two paths were set, for error messages.
    var certificateOrigin = ConfigurationError.Origin.flag
    var keyOrigin = ConfigurationError.Origin.flag

    /// Reads and checks both files: the certificate must be valid now, and the key must belong to it.
    /// - Throws: the error of the invalid file.
    func load(now: Date = Date()) throws(ConfigurationError) -> NIOSSLContext {
        do throws(ConfigurationError) {
            return try self.context(now: now)
        } catch {
            var error = error
            error.origin = error.option == ConfigurationOption.tlsKey.rawValue ? self.keyOrigin : self.certificateOrigin
            throw error
        }
    }

    private func context(now: Date) throws(ConfigurationError) -> NIOSSLContext {
        let chain = try self.loadCertificates()
        // Other certificates of the chain may be expired on purpose, for old clients that do not know newer roots.
        try self.checkTimes(of: chain[0], now: now)
        let pem = try ConfigurationLoader.contents(.tlsKey, path: self.key)
        guard let key = try? NIOSSLPrivateKey(bytes: Array(pem), format: .pem) else {
            throw self.wrongKey("must be a file with an unencrypted private key in PEM")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(key)
        )
        configuration.minimumTLSVersion = .tlsv12
        configuration.cipherSuiteValues = Self.ciphers
        configuration.applicationProtocols = (self.offersHTTP2 ? ["h2"] : []) + ["http/1.1"]
        // How long to wait for the peer's close_notify. The closing handshakes of HTTP and WebSocket come before.
        configuration.shutdownTimeout = .seconds(1)
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw self.wrongKey("must be the key of the certificate in \(self.certificate)")
        }
    }

    /// Cipher suites for TLS 1.2: those of RFC 9325 section 4.2 with forward secrecy and authenticated encryption (AEAD), none
    /// with CBC. All suites of TLS 1.3 have both.
    private static let ciphers: [NIOTLSCipher] = [
        .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ]

    private func loadCertificates() throws(ConfigurationError) -> [NIOSSLCertificate] {
        let pem = try ConfigurationLoader.contents(.tlsCertificate, path: self.certificate)
        guard let chain = try? NIOSSLCertificate.fromPEMBytes(Array(pem)), !chain.isEmpty else {
            throw self.wrongCertificate("must be a file with certificates in PEM, the node's own first")
        }
        return chain
    }

    private func checkTimes(of certificate: NIOSSLCertificate, now: Date) throws(ConfigurationError) {
        let now = Int64(now.timeIntervalSince1970)
        let (begin, end) = (Int64(certificate.notValidBefore), Int64(certificate.notValidAfter))
        guard begin <= now else {
            throw self.wrongCertificate("must be valid now; this one is valid from \(Self.text(begin))")
        }
        guard now < end else {
            throw self.wrongCertificate("must be valid now; this one expired at \(Self.text(end))")
        }
    }

    private static func text(_ seconds: Int64) -> String { Timestamp.seconds(seconds * 1000) }

    private func wrongCertificate(_ allowed: String) -> ConfigurationError {
        ConfigurationError(option: ConfigurationOption.tlsCertificate.rawValue, value: self.certificate, allowed: allowed)
    }

    private func wrongKey(_ allowed: String) -> ConfigurationError {
        ConfigurationError(option: ConfigurationOption.tlsKey.rawValue, value: self.key, allowed: allowed)
    }
}

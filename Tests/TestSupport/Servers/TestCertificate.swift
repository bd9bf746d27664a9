import Foundation

/// A self-signed certificate for `localhost` with its key, in files that are removed with the last reference.
public final class TestCertificate: Sendable {
    public struct Failure: Error {}

    private let directory: URL
    /// Paths of PEM files.
    public let certificate: String
    public let key: String
    public let client: TestTLS

    /// - Parameter days: until it expires; negative for a certificate that has expired.
    public init(days: Int = 1) throws {
        let directory = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("volary-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        self.directory = directory
        (self.certificate, self.key) = (
            directory.appendingPathComponent("chain").path, directory.appendingPathComponent("key").path
        )
        let (request, names) = (directory.appendingPathComponent("request").path, directory.appendingPathComponent("names").path)
        try Data("subjectAltName = DNS:localhost, IP:127.0.0.1\n".utf8).write(to: URL(fileURLWithPath: names))
        try Self.openssl(
            ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost"]
                + ["-keyout", self.key, "-out", request]
        )
        try Self.openssl(
            ["x509", "-req", "-in", request, "-signkey", self.key, "-days", "\(days)", "-extfile", names]
                + ["-out", self.certificate]
        )
        self.client = try TestTLS(trusted: self.certificate)
    }

    deinit { try? FileManager.default.removeItem(at: self.directory) }

    func redisArguments(port: Int) -> [String] {
        ["--tls-port", "\(port)", "--tls-cert-file", self.certificate, "--tls-key-file", self.key]
            + ["--tls-ca-cert-file", self.certificate, "--tls-auth-clients", "no"]
    }

    /// Options of `volary`.
    public var options: [String] { ["--tls-certificate", self.certificate, "--tls-key", self.key] }

    /// Replaces the files by those of another certificate. A program that has read them does not notice.
    public func replaceFiles(with other: TestCertificate) throws {
        for (from, to) in [(other.certificate, self.certificate), (other.key, self.key)] {
            try Data(contentsOf: URL(fileURLWithPath: from)).write(to: URL(fileURLWithPath: to), options: .atomic)
        }
    }

    /// Whether `openssl s_client` completes a handshake with a server on this machine.
    /// - Parameter options: of `s_client`, such as `-tls1_2`.
    public static func handshakeSucceeds(port: Int, _ options: [String]) -> Bool {
        (try? self.openssl(["s_client", "-connect", "127.0.0.1:\(port)"] + options)) != nil
    }

    private static func openssl(_ arguments: [String]) throws {
        guard let pid = ChildProcess.spawn(["openssl"] + arguments) else { throw Failure() }
        var status: CInt = 0
        guard waitpid(pid, &status, 0) == pid, status == 0 else { throw Failure() }
    }
}

import Foundation
import TestSupport
import Testing

@testable import VolaryNode

/// Files of certificates and keys.
@Suite
struct TLSFilesTests {
    private let good: TestCertificate

    init() throws {
        self.good = try TestCertificate()
    }

    private func error(certificate: String? = nil, key: String? = nil, now: Date = Date()) -> ConfigurationError? {
        let files = TLSFiles(certificate: certificate ?? self.good.certificate, key: key ?? self.good.key)
        return #expect(throws: ConfigurationError.self) { try files.load(now: now) }
    }

    @Test func `A certificate and its key are taken`() throws {
        let tls = try ConfigurationLoader(
            flags: [.tlsCertificate: self.good.certificate, .tlsKey: self.good.key],
            environment: [:],
            file: nil
        ).load().tls
        #expect(tls != nil)
    }

    @Test func `Without both there is no TLS, and one of them is not enough`() throws {
        #expect(try ConfigurationLoader(flags: [:], environment: [:], file: nil).load().tls == nil)
        for (option, needs) in [(ConfigurationOption.tlsCertificate, "--tls-key"), (.tlsKey, "--tls-certificate")] {
            let error = #expect(throws: ConfigurationError.self) {
                try ConfigurationLoader(flags: [option: "/some/file"], environment: [:], file: nil).load()
            }
            #expect(error?.description == "--\(option.rawValue) \"/some/file\": also needs \(needs)")
        }
    }

    @Test func `What is wrong with a file is said of where its path was set, also when it is read again`() throws {
        let other = try TestCertificate()
        let config = NSTemporaryDirectory() + "volary-\(UUID().uuidString).json"
        try Data(#"{"tls-key": "\#(self.good.key)"}"#.utf8).write(to: URL(fileURLWithPath: config))
        defer { try? FileManager.default.removeItem(atPath: config) }
        let tls = try #require(
            ConfigurationLoader(
                flags: [:],
                environment: ["VOLARY_TLS_CERTIFICATE": self.good.certificate],
                file: config
            ).load().tls
        )
        let recorder = LogRecorder()
        try Data().write(to: URL(fileURLWithPath: self.good.key))
        tls.reload(logger: recorder.logger)
        #expect(recorder.lines.last?.contains("\(config) \"tls-key\" \"\(self.good.key)\": must be") == true, "\(recorder.lines)")
        try Data().write(to: URL(fileURLWithPath: self.good.certificate))
        tls.reload(logger: recorder.logger)
        #expect(recorder.lines.last?.contains("VOLARY_TLS_CERTIFICATE \"\(self.good.certificate)\": must be") == true)
        try self.good.replaceFiles(with: other)
        tls.reload(logger: recorder.logger)
        #expect(recorder.lines.last?.contains("Certificate reloaded") == true)
    }

    @Test func `A file that is empty or is something else is named`() throws {
        for path in ["/dev/null", self.good.key] {
            let error = self.error(certificate: path)
            #expect(error?.option == "tls-certificate" && error?.value == path)
            #expect(error?.allowed.contains("certificates in PEM") == true)
        }
        for path in ["/dev/null", self.good.certificate] {
            let error = self.error(key: path)
            #expect(error?.option == "tls-key" && error?.value == path)
            #expect(error?.allowed.contains("private key in PEM") == true)
        }
    }

    @Test func `A key that is another certificate's is refused`() throws {
        let other = try TestCertificate()
        let error = self.error(key: other.key)
        #expect(error?.option == "tls-key")
        #expect(error?.allowed == "must be the key of the certificate in \(self.good.certificate)")
    }

    @Test func `A certificate whose time is over, or has not come, is refused`() throws {
        let old = try TestCertificate(days: -1)
        let ended = self.error(certificate: old.certificate, key: old.key)
        #expect(ended?.option == "tls-certificate")
        #expect(ended?.allowed.hasPrefix("must be valid now; this one expired at 20") == true)
        #expect(self.error(now: Date(timeIntervalSinceNow: 90_000))?.allowed.contains("expired at") == true)
        #expect(self.error(now: Date(timeIntervalSinceNow: -90_000))?.allowed.contains("valid from") == true)
    }

    @Test func `An encrypted key is refused, and nobody is asked for its password`() throws {
        let encrypted = """
            -----BEGIN ENCRYPTED PRIVATE KEY-----
            MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjYaqdpFUvzKAICCAAw
            DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEM0mVqxKQOUOSXyWyB9xdXwEgZDl
            -----END ENCRYPTED PRIVATE KEY-----

            """
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("volary-\(UUID().uuidString).key")
        try Data(encrypted.utf8).write(to: path)
        defer { try? FileManager.default.removeItem(at: path) }
        #expect(self.error(key: path.path)?.option == "tls-key")
    }
}

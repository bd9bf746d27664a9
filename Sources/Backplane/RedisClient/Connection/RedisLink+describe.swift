import NIOCore
import NIOPosix
import NIOSSL

extension RedisLink {
    /// One line that is the same for each attempt that fails for the same reason, so that a change of the reason can be detected.
    static func describe(_ error: any Error) -> String {
        switch error {
        case ChannelError.connectTimeout: "no connection within the timeout"
        case ChannelError.eof: "Redis closed the connection"
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            "the server's certificate is for another host"
        case NIOSSLError.handshakeFailed: "the TLS handshake failed: \(error)"
        case NIOSSLError.failedToLoadCertificate, NIOSSLError.noSuchFilesystemObject:
            "the file with the trusted authorities cannot be read"
        default: ErrorText.of(error)
        }
    }
}

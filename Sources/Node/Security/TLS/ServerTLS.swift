import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOSSL

/// What clients' connections are encrypted with, renewed while the node runs.
///
/// A connection keeps the certificate that it began with.
final class ServerTLS: Sendable {
    private let files: TLSFiles
    private let context: NIOLockedValueBox<NIOSSLContext>

    /// - Throws: which file is wrong.
    init(files: TLSFiles) throws(ConfigurationError) {
        self.files = files
        self.context = NIOLockedValueBox(try files.load())
    }

    /// Reads the files again, for the connections to come; what is wrong with them changes nothing and is logged. Blocks.
    func reload(logger: Logger) {
        do throws(ConfigurationError) {
            let context = try self.files.load()
            self.context.withLockedValue { $0 = context }
            logger.notice("The certificate was read again")
        } catch {
            logger.error("The certificate was not read again; the one before stays", metadata: [LogKey.error: "\(error)"])
        }
    }

    /// Encrypts a connection that was just accepted. To be called before anything else is in its pipeline that reads bytes.
    /// - Parameter failed: called once at most, when the handshake does not come to its end.
    func addHandlers(to channel: any Channel, failed: @escaping @Sendable (any Error) -> Void) throws {
        let context = self.context.withLockedValue { $0 }
        try channel.pipeline.syncOperations.addHandlers([NIOSSLServerHandler(context: context), TLSHandler(failed: failed)])
    }
}

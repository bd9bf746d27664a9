import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOSSL

/// TLS for client connections. The certificate can be replaced while the node runs; existing connections keep theirs.
final class ServerTLS: Sendable {
    private let files: TLSFiles
    private let context: NIOLockedValueBox<NIOSSLContext>

    /// - Throws: the error of the invalid file.
    init(files: TLSFiles) throws(ConfigurationError) {
        self.files = files
        self.context = NIOLockedValueBox(try files.load())
    }

    /// Reads the files again for new connections. Invalid files change nothing and are logged. Blocks.
    func reload(logger: Logger) {
        do throws(ConfigurationError) {
            let context = try self.files.load()
            self.context.withLockedValue { $0 = context }
            logger.notice("Certificate reloaded")
        } catch {
            logger.error("Certificate not reloaded; the previous one stays in use", metadata: [LogKey.error: "\(error)"])
        }
    }

    /// Adds TLS to a connection that was just accepted. Call it before any other handler that reads bytes is added.
    /// - Parameter failed: called at most once, when the TLS handshake fails.
    func addHandlers(to channel: any Channel, failed: @escaping @Sendable (any Error) -> Void) throws {
        let context = self.context.withLockedValue { $0 }
        try channel.pipeline.syncOperations.addHandlers([NIOSSLServerHandler(context: context), TLSHandler(failed: failed)])
    }
}

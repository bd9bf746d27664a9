import NIOCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The short way of bytes into a plain TCP socket: `send` itself, past the pipeline and the channel's queue of writes, whose bookkeeping
/// costs half as much as the kernel's work on a small message.
///
/// Only while nothing waits in that queue: what waits there goes first. Belongs to the channel's event loop. The channel closes its
/// descriptor there and then says so to the pipeline, with nothing in between but the callbacks of writes that were waiting; so whoever
/// forgets the socket when the pipeline says so never writes to a descriptor that has become another's.
struct DirectSocket {
    #if canImport(Glibc)
    private static let flags = CInt(MSG_DONTWAIT | MSG_NOSIGNAL)
    #else
    /// The channel has turned the signal off.
    private static let flags = CInt(MSG_DONTWAIT)
    #endif

    private let descriptor: CInt
    /// Nothing was waiting in the channel, and nothing has been handed to it since.
    private var isFree = false

    /// - Returns: nil when the channel is no socket. That nothing on its pipeline changes what is written is the caller's to know.
    init?(_ channel: any Channel) {
        // What `withUnsafeTransportIfAvailable` does, without a cast to a parameterized protocol: at run time that costs 14,000 instructions.
        guard let core = channel as? any NIOTransportAccessibleChannelCore, let handle = Self.handle(of: core) else { return nil }
        self.descriptor = handle
    }

    private static func handle(of core: some NIOTransportAccessibleChannelCore) -> NIOBSDSocket.Handle? {
        (try? core.withUnsafeTransport { $0 as? NIOBSDSocket.Handle }) ?? nil
    }

    /// Hands bytes to the kernel, without waiting.
    /// - Parameter channel: whose socket it is, for what does not go this way: the rest of the bytes is to be written there.
    /// - Returns: how many the kernel took. An error is a 0, too: the channel meets it again, and deals with it.
    mutating func send(_ bytes: ByteBuffer, before channel: @autoclosure () -> (any Channel)?) -> Int {
        if !self.isFree {
            guard (try? channel()?.syncOptions?.getOption(.bufferedWritableBytes)) == 0 else { return 0 }
        }
        let taken = bytes.withUnsafeReadableBytes { bytes in
            #if canImport(Glibc)
            Glibc.send(self.descriptor, bytes.baseAddress, bytes.count, Self.flags)
            #else
            Darwin.send(self.descriptor, bytes.baseAddress, bytes.count, Self.flags)
            #endif
        }
        self.isFree = taken == bytes.readableBytes
        return max(0, taken)
    }
}

import NIOCore
import VolaryProtocol

extension NodeConfiguration {
    var httpSettings: HTTPSettings {
        HTTPSettings(
            maximumHeaderBytes: self.maximumHeaderBytes,
            maximumHeaderFields: self.maximumHeaderFields,
            handshakeTimeout: TimeAmount(self.handshakeTimeout),
            bodyTimeout: TimeAmount(self.bodyTimeout),
            answerTimeout: self.connectionLimits.unsentAge,
            idleTimeout: TimeAmount(self.idleTimeout),
            maximumBodyBytes: self.maximumBodyBytes
        )
    }

    func webSocketSettings(now: @escaping @Sendable () -> Int64) -> WebSocketSettings {
        WebSocketSettings(
            messageLimits: MessageLimits(
                maximumMessageBytes: self.maximumMessageBytes,
                maximumFramesPerMessage: self.maximumFramesPerMessage
            ),
            maximumUnsentBytes: self.maximumUnsentBytes,
            pingInterval: TimeAmount(self.pingInterval),
            closeTimeout: TimeAmount(self.closeTimeout),
            now: now,
            bounds: self.connectionLimits,
            isPlain: self.tls == nil
        )
    }
}

extension Duration {
    /// Rounded down.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = self.components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}

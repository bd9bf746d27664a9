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
            maximumBodyBytes: self.maximumBodyBytes,
            http2: self.http2,
            maximumStreams: self.maximumStreams
        )
    }

    func webSocketSettings(now: @escaping @Sendable () -> Int64) -> WebSocketSettings {
        WebSocketSettings(
            messageLimits: MessageLimits(
                maximumMessageBytes: self.maximumMessageBytes,
                maximumFramesPerMessage: self.maximumFramesPerMessage
            ),
            closeTimeout: TimeAmount(self.closeTimeout),
            now: now
        )
    }

    func connectionSettings(now: @escaping @Sendable () -> Int64) -> ConnectionSettings {
        ConnectionSettings(
            maximumUnsentBytes: self.maximumUnsentBytes,
            pingInterval: TimeAmount(self.pingInterval),
            bounds: self.connectionLimits,
            now: now
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

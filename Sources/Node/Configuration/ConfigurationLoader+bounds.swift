import NIOCore

extension ConfigurationLoader {
    func connectionBounds() throws(ConfigurationError) -> ConnectionBounds {
        ConnectionBounds(
            messageTimeout: TimeAmount(try self.duration(.messageTimeout, .seconds(1)...(.seconds(3600)))),
            idleTimeout: try self.unlessOff(.clientIdleTimeout) { orOff throws(ConfigurationError) in
                TimeAmount(try self.duration(.clientIdleTimeout, .seconds(1)...(.seconds(86_400)), or: orOff))
            },
            unsentAge: TimeAmount(try self.duration(.maximumUnsentAge, .seconds(1)...(.seconds(600)))),
            messagesPerSecond: try self.unlessOff(.messageRate) { orOff throws(ConfigurationError) in
                try self.integer(.messageRate, 1...1_000_000, or: orOff)
            },
            bytesPerSecond: try self.unlessOff(.byteRate) { orOff throws(ConfigurationError) in
                try self.bytes(.byteRate, 1024...(512 * 1024 * 1024), or: orOff)
            },
            overRate: try self.text(.overRate, allowed: "close or drop") { ConnectionBounds.OverRate(rawValue: $0) }
        )
    }
}

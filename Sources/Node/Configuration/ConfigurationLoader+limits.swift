import NIOCore

extension ConfigurationLoader {
    func connectionLimits() throws(ConfigurationError) -> ConnectionLimits {
        ConnectionLimits(
            messageTimeout: TimeAmount(try self.duration(.messageTimeout, .seconds(1)...(.seconds(3600)))),
            idleTimeout: try self.valueUnlessOff(.clientIdleTimeout) { orOff throws(ConfigurationError) in
                TimeAmount(try self.duration(.clientIdleTimeout, .seconds(1)...(.seconds(86_400)), or: orOff))
            },
            unsentAge: TimeAmount(try self.duration(.maximumUnsentAge, .seconds(1)...(.seconds(600)))),
            messagesPerSecond: try self.valueUnlessOff(.messageRate) { orOff throws(ConfigurationError) in
                try self.integer(.messageRate, 1...1_000_000, or: orOff)
            },
            bytesPerSecond: try self.valueUnlessOff(.byteRate) { orOff throws(ConfigurationError) in
                try self.bytes(.byteRate, 1024...(512 * 1024 * 1024), or: orOff)
            },
            overRate: try self.text(.overRate, allowed: "close or drop") { ConnectionLimits.OverRate(rawValue: $0) }
        )
    }

    func hubLimits() throws(ConfigurationError) -> HubQuota.Limits {
        HubQuota.Limits(
            connections: try self.valueUnlessOff(.hubConnections) { orOff throws(ConfigurationError) in
                try self.integer(.hubConnections, 1...1_000_000, or: orOff)
            },
            messagesPerSecond: try self.valueUnlessOff(.hubMessageRate) { orOff throws(ConfigurationError) in
                try self.integer(.hubMessageRate, 1...1_000_000, or: orOff)
            },
            bytesPerSecond: try self.valueUnlessOff(.hubByteRate) { orOff throws(ConfigurationError) in
                try self.bytes(.hubByteRate, 1024...(512 * 1024 * 1024), or: orOff)
            },
            storageBytes: try self.valueUnlessOff(.hubStorage) { orOff throws(ConfigurationError) in
                try self.bytes(.hubStorage, (1024 * 1024)...(1024 * 1024 * 1024 * 1024), or: orOff)
            }
        )
    }

    func hubCalls() throws(ConfigurationError) -> HubCallSettings {
        HubCallSettings(
            streams: try self.integer(.hubStreams, 1...10_000),
            clientResults: try self.integer(.hubClientResults, 1...10_000),
            times: SignalRTimes.Settings(
                keepAlive: TimeAmount(try self.duration(.signalRKeepAlive, .seconds(1)...(.seconds(3600)))),
                silence: TimeAmount(try self.duration(.signalRClientTimeout, .seconds(1)...(.seconds(7200)))),
                handshake: TimeAmount(try self.duration(.signalRHandshakeTimeout, .seconds(1)...(.seconds(600))))
            )
        )
    }

    func admission() throws(ConfigurationError) -> AdmissionSettings {
        AdmissionSettings(
            maximumConnections: try self.optional(.maximumConnections, allowed: "a whole number from 1 to 1000000") {
                Self.integer($0, 1...1_000_000)
            },
            maximumPerAddress: try self.valueUnlessOff(.maximumConnectionsPerAddress) { orOff throws(ConfigurationError) in
                try self.integer(.maximumConnectionsPerAddress, 1...1_000_000, or: orOff)
            },
            proxies: try self.trustedProxies()
        )
    }

    private func trustedProxies() throws(ConfigurationError) -> TrustedProxies {
        let proxies = TrustedProxies(
            ranges: try self.optional(
                .trustedProxies,
                allowed: "addresses and ranges such as 10.0.0.0/8,2001:db8::/32,192.0.2.1, with all bits after the prefix zero"
            ) { AddressRange.list($0) } ?? [],
            header: try self.text(.forwardedHeader, allowed: "x-forwarded-for or forwarded") {
                TrustedProxies.Header(rawValue: $0)
            },
            speakProxyProtocol: try self.isOn(.proxyProtocol)
        )
        guard !proxies.speakProxyProtocol || !proxies.ranges.isEmpty else {
            throw ConfigurationError(
                option: ConfigurationOption.proxyProtocol.rawValue,
                value: "on",
                allowed: "needs --trusted-proxies, because PROXY headers are accepted from trusted proxies only"
            )
        }
        return proxies
    }
}

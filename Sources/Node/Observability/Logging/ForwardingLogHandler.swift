import Logging

/// A log handler that changes or drops entries before it passes them to another handler.
protocol ForwardingLogHandler: LogHandler {
    var base: any LogHandler { get set }
}

extension ForwardingLogHandler {
    var logLevel: Logger.Level {
        get { self.base.logLevel }
        set { self.base.logLevel = newValue }
    }

    var metadata: Logger.Metadata {
        get { self.base.metadata }
        set { self.base.metadata = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.base[metadataKey: key] }
        set { self.base[metadataKey: key] = newValue }
    }
}

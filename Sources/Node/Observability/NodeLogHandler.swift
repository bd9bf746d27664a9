import Logging

/// Says with each entry which node it is of: nodes may get another name after their start.
struct NodeLogHandler: LogHandler {
    private var base: any LogHandler
    private let name: NodeName

    init(writingTo base: any LogHandler, name: NodeName) {
        self.base = base
        self.name = name
    }

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

    func log(event: LogEvent) {
        var event = event
        event.metadata = (event.metadata ?? [:]).merging([LogKey.node: "\(self.name.text)"]) { own, _ in own }
        self.base.log(event: event)
    }
}

import Logging

/// Adds the node's current name to each entry. A name may change after start.
struct NodeLogHandler: ForwardingLogHandler {
    var base: any LogHandler
    private let name: NodeName

    init(writingTo base: any LogHandler, name: NodeName) {
        self.base = base
        self.name = name
    }

    func log(event: LogEvent) {
        var event = event
        event.metadata = (event.metadata ?? [:]).merging([LogKey.node: "\(self.name.text)"]) { own, _ in own }
        self.base.log(event: event)
    }
}

import Logging

/// Says with each entry which node it is of: nodes may get another name after their start.
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

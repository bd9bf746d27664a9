import DequeModule
import NIOCore
import VolaryProtocol

/// Reads the publications of hubs from the logs of their topics, over the publisher's link. Belongs to one event loop.
final class HistoryReader {
    /// Maximum of concurrent reads: 8, of about 1 MiB each.
    private static let maximumUnderWay = 8
    /// Maximum of reads that wait: as many as a node has streams that come back together.
    private static let maximumWaiting = 10_000

    struct Request {
        let topics: Set<Topic>
        let hub: HubName
        let after: Position?
        let limit: Int
        let completion: @Sendable (Result<HistoryPage, HistoryError>) -> Void
    }

    private let context: BrokerContext
    private let scripts: RedisScriptCache
    private var link: RedisLink?
    private var waiting: Deque<Request> = []
    private var underWay = 0

    init(_ context: BrokerContext, scripts: RedisScriptCache) {
        self.context = context
        self.scripts = scripts
    }

    func start(over link: RedisLink) { self.link = link }

    func read(_ request: Request) {
        guard self.context.isLogged else { return request.completion(.failure(.notLogged)) }
        guard let link, link.isReady else {
            return request.completion(.failure(.unavailable(reason: self.link?.reason ?? "not started")))
        }
        guard self.waiting.count < Self.maximumWaiting else {
            return request.completion(.failure(.unavailable(reason: "too many reads")))
        }
        self.waiting.append(request)
        self.sendWaiting()
    }

    /// Call when the publisher's link was lost. The reads under way have failed.
    func linkWasLost() {
        let waiting = self.waiting
        self.waiting = []
        for request in waiting { request.completion(.failure(.unavailable(reason: self.link?.reason ?? ""))) }
    }

    private func sendWaiting() {
        guard let link, link.isReady else { return }
        while self.underWay < Self.maximumUnderWay, let request = self.waiting.popFirst() {
            self.underWay += 1
            self.send(request, over: link, bySource: false)
        }
        link.flush()
    }

    /// - Parameter bySource: whether to send the source of the script. The answer NOSCRIPT is then final.
    private func send(_ request: Request, over link: RedisLink, bySource: Bool) {
        link.send(self.command(request, bySource: bySource)) { [weak self] result in
            guard let self else { return request.completion(.failure(.unavailable(reason: "shut down"))) }
            if case .success(let value) = result, value.isMissingScript, !bySource {
                self.scripts.reload([.readHub], over: link)
                self.send(request, over: link, bySource: true)
                return link.flush()
            }
            self.underWay -= 1
            request.completion(self.page(of: result, request))
            self.sendWaiting()
        }
    }

    private func command(_ request: Request, bySource: Bool) -> RESPCommand {
        let keys =
            [self.context.keys(of: .all(request.hub)).ordered[0]] + request.topics.flatMap { self.context.keys(of: $0).all }
        var command = self.scripts.command(.readHub, keys: keys, bySource: bySource)
        self.context.order.append(to: &command, in: request.hub)
        command.append(self.context.logBounds.age)
        // No operation of a lane.
        for argument in ["", "0", "0"] { command.append(argument) }
        command.append(request.after.map { "\($0.epoch)" } ?? "")
        command.append(request.after.map { "\($0.number)" } ?? "")
        for bound in [request.limit, HistoryPage.maximumBytes, Limits.maximumEnvelopeBytes] { command.append("\(bound)") }
        return command
    }

    private func page(of result: Result<RESPValue, RedisLinkError>, _ request: Request) -> Result<HistoryPage, HistoryError> {
        switch result {
        case .failure(let error): return .failure(.unavailable(reason: error.reason))
        case .success(.error(let text)): return .failure(.unavailable(reason: RedisErrorText.loggable(text)))
        case .success(let value):
            guard let reply = HistoryReply(value, of: request.hub) else {
                return .failure(.unavailable(reason: "a log was answered with something else"))
            }
            if let history = reply.history { self.context.order.told(history: history) }
            self.context.order.observed(reply.position, in: request.hub)
            return .success(reply.page)
        }
    }
}

@available(*, unavailable)
extension HistoryReader: Sendable {}

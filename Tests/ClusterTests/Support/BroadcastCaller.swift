import Foundation
import NIOConcurrencyHelpers
import TestSupport

/// A REST caller that sends one push after the other, and lists the connections in between.
final class BroadcastCaller: Sendable {
    /// The audience of a push.
    enum Audience: Hashable, Sendable {
        case everyone
        case user(String)
        case group(String)

        fileprivate var path: String {
            switch self {
            case .everyone: "/api/connections/broadcast"
            case .user(let name): "/api/users/\(name)/send"
            case .group(let name): "/api/groups/\(name)/send"
            }
        }
    }

    struct Broadcast: Sendable {
        let text: String
        let audience: Audience
        /// From the request to its answer.
        let from: ContinuousClock.Instant
        let to: ContinuousClock.Instant
    }

    private struct State {
        var broadcasts: [Broadcast] = []
        var failures: [String] = []
    }

    private let number: Int
    private let audiences: [Audience]
    private let headers: [String: String]
    private let http: HTTPTestClient
    private let state = NIOLockedValueBox(State())

    /// - Parameters:
    ///   - audiences: of the pushes, in turn.
    ///   - headers: of each request.
    init(number: Int, port: Int, audiences: [Audience], headers: [String: String]) {
        self.number = number
        self.audiences = audiences
        self.headers = headers
        self.http = HTTPTestClient(port: port)
    }

    /// The pushes that were answered with 2xx.
    var broadcasts: [Broadcast] { self.state.withLockedValue { $0.broadcasts } }
    /// All other answers, and requests without an answer.
    var failures: [String] { self.state.withLockedValue { $0.failures } }

    func run(while isRunning: () -> Bool) async {
        var count = 0
        while isRunning() {
            count += 1
            let text = "push \(count) of \(self.number)"
            let audience = self.audiences[count % self.audiences.count]
            let start = ContinuousClock.now
            if await self.ask("POST", audience.path, body: #"{"message":"\#(text)"}"#) {
                let broadcast = Broadcast(text: text, audience: audience, from: start, to: .now)
                self.state.withLockedValue { $0.broadcasts.append(broadcast) }
            }
            _ = await self.ask("GET", "/api/connections?limit=10")
            try? await Task.sleep(for: .milliseconds(200))
        }
    }

    private func ask(_ method: String, _ target: String, body: String? = nil) async -> Bool {
        var headers = self.headers
        if body != nil { headers["content-type"] = "application/json" }
        do {
            let answer = try await self.http.request(method, target, headers: headers, body: body, within: .seconds(20))
            if (200..<300).contains(answer.status) { return true }
            self.failed("\(method) \(target): \(answer.status) \(answer.body)")
        } catch {
            self.failed("\(method) \(target): \(error)")
        }
        return false
    }

    private func failed(_ text: String) { self.state.withLockedValue { $0.failures.append(text) } }
}

import Foundation
import NIOConcurrencyHelpers
import TestSupport

/// A REST caller that broadcasts again and again, one at a time, and lists the connections in between.
final class BroadcastCaller: Sendable {
    struct Broadcast: Sendable {
        let text: String
        /// From the request to its answer.
        let from: ContinuousClock.Instant
        let to: ContinuousClock.Instant
    }

    private struct State {
        var broadcasts: [Broadcast] = []
        var failures: [String] = []
    }

    private let number: Int
    private let http: HTTPTestClient
    private let state = NIOLockedValueBox(State())

    init(number: Int, port: Int) {
        self.number = number
        self.http = HTTPTestClient(port: port)
    }

    /// Those that were answered with 2xx.
    var broadcasts: [Broadcast] { self.state.withLockedValue { $0.broadcasts } }
    /// Every other answer, and every request without one.
    var failures: [String] { self.state.withLockedValue { $0.failures } }

    func run(while goesOn: () -> Bool) async {
        var count = 0
        while goesOn() {
            count += 1
            let text = "broadcast \(count) of \(self.number)"
            let start = ContinuousClock.now
            if await self.ask("POST", "/api/connections/broadcast", body: #"{"message":"\#(text)"}"#) {
                let broadcast = Broadcast(text: text, from: start, to: .now)
                self.state.withLockedValue { $0.broadcasts.append(broadcast) }
            }
            _ = await self.ask("GET", "/api/connections?limit=10")
            try? await Task.sleep(for: .milliseconds(200))
        }
    }

    private func ask(_ method: String, _ target: String, body: String? = nil) async -> Bool {
        let headers = body == nil ? [:] : ["content-type": "application/json"]
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

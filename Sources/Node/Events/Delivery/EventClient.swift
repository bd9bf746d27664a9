import AsyncHTTPClient
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// The HTTP client for event handlers. Redirects are not followed, and the proxies of the environment are not used: requests go to the
/// configured URLs only.
final class EventClient: Sendable {
    /// Connections to one handler with HTTP/1.1: 256. Further requests wait.
    private static let maximumConnections = 256
    /// How long an unused connection to a handler stays open: 4 s. Node.js closes those of its clients after 5 s, and a request on a
    /// connection that is being closed is lost.
    private static let idleTime = TimeAmount.seconds(4)

    private enum State {
        case idle
        case running(HTTPClient)
        case ended
    }

    private let group: MultiThreadedEventLoopGroup
    private let state = NIOLockedValueBox(State.idle)

    init(group: MultiThreadedEventLoopGroup) {
        self.group = group
    }

    /// Requests that are under way fail, and so do later ones.
    func end() async throws {
        let last = self.state.withLockedValue { state in
            defer { state = .ended }
            return state
        }
        if case .running(let client) = last { try await client.shutdown() }
    }

    /// Returns once the head of an answer is there. Its body is dropped with it, and the connection closed, unless it is read.
    func head(of request: HTTPClientRequest, by deadline: NIODeadline) async throws(EventFailure) -> HTTPClientResponse {
        guard let client = self.client() else { throw .stopped }
        do {
            return try await client.execute(request, deadline: deadline)
        } catch {
            throw Self.failure(error)
        }
    }

    /// - Returns: an answer with a status of 200 to 299.
    func answer(to request: HTTPClientRequest, by deadline: NIODeadline) async throws(EventFailure) -> HandlerAnswer {
        let response = try await self.head(of: request, by: deadline)
        guard (200...299).contains(response.status.code) else { throw .status(Int(response.status.code)) }
        let maximum = HandlerAnswer.maximumBytes
        if let length = response.headers.first(name: "content-length"), Int(length) ?? .max > maximum { throw .tooLarge }
        do {
            let body = try await response.body.collect(upTo: maximum)
            guard !Task.isCancelled else { throw EventFailure.timedOut }
            return HandlerAnswer(fields: response.headers, body: body)
        } catch {
            throw Self.failure(error)
        }
    }

    private static func failure(_ error: any Error) -> EventFailure {
        switch error {
        case let failure as EventFailure: failure
        case is NIOTooManyBytesError: .tooLarge
        case let error as HTTPClientError where error == .alreadyShutdown || error == .cancelled && !Task.isCancelled: .stopped
        case let error as HTTPClientError where error == .deadlineExceeded || error == .readTimeout: .timedOut
        default: Task.isCancelled ? .timedOut : .unreachable
        }
    }

    /// Made for the first request.
    /// - Returns: nil after the end.
    private func client() -> HTTPClient? {
        self.state.withLockedValue { state in
            switch state {
            case .ended: return nil
            case .running(let client): return client
            case .idle:
                let client = HTTPClient(eventLoopGroupProvider: .shared(self.group), configuration: Self.settings)
                state = .running(client)
                return client
            }
        }
    }

    private static var settings: HTTPClient.Configuration {
        var settings = HTTPClient.Configuration(
            tlsConfiguration: .makeClientConfiguration(),
            redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(5)),
            connectionPool: .init(
                idleTimeout: Self.idleTime,
                concurrentHTTP1ConnectionsPerHostSoftLimit: Self.maximumConnections
            ),
            proxy: nil,
            decompression: .disabled
        )
        settings.connectionPool.retryConnectionEstablishment = false
        return settings
    }
}

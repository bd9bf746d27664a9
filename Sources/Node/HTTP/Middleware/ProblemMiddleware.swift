import HTTPTypes
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTP2
import VolaryBackplane

/// Turns errors of routes into `application/problem+json`, or into the form of Web PubSub, without a body for HEAD.
struct ProblemMiddleware: Sendable {
    /// - Parameter found: called before the answer with the error's problem, if it has one.
    func handle(
        _ request: Request,
        _ context: HTTPRequestContext,
        isPubSub: Bool = false,
        found: (Problem) -> Void = { _ in },
        next: NextHandler
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            let problem = self.problem(for: error, logger: context.logger)
            found(problem)
            let response = isPubSub ? PubSubAnswer.response(problem) : problem.response
            return request.method == .head ? response.withoutBody : response
        }
    }

    private func problem(for error: any Error, logger: Logger) -> Problem {
        switch error {
        case let problem as Problem:
            return problem
        case let error as PresenceError:
            logger.debug("The presence store did not answer a request", metadata: [LogKey.error: "\(error)"])
            return .presenceUnavailable
        case is RequestDeadlines.BodyTimeout:
            return .slowBody
        case let error as ChunkSizes.TooLarge:
            return .bodyTooLarge(error.maximumBytes)
        case is HTTPParserError, is HugeContentLength, is ChannelError, is IOError, is any NIOHTTP2Error:
            // The client disconnected, or sent invalid HTTP. An operator cannot fix either.
            logger.debug("Request aborted by the client", metadata: [LogKey.error: "\(ErrorText.of(error))"])
            return .malformedRequest
        default:
            logger.error("Request failed", metadata: [LogKey.error: "\(error)"])
            return Problem(.internalServerError, "internal", "The request failed because of an internal error.")
        }
    }
}

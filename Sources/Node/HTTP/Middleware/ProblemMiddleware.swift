import HTTPTypes
import Logging
import NIOCore
import NIOHTTP1
import VolaryBackplane

/// Turns whatever a route throws into `application/problem+json`, without a body for HEAD.
struct ProblemMiddleware: Sendable {
    /// - Parameter found: called before the answer with what it says, if that is a problem.
    func handle(
        _ request: Request,
        _ context: HTTPRequestContext,
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
            return request.method == .head ? problem.response.withoutBody : problem.response
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
        case is HTTPParserError, is HugeContentLength, is ChannelError, is IOError:
            // The client broke off, or went on with what is no HTTP: nothing that an operator could mend.
            logger.debug("Request broken off", metadata: [LogKey.error: "\(ErrorText.of(error))"])
            return .malformedRequest
        default:
            logger.error("Request failed", metadata: [LogKey.error: "\(error)"])
            return Problem(.internalServerError, "internal", "The request failed on our side.")
        }
    }
}

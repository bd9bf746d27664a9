import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import VolaryBackplane

/// Turns whatever a route throws into `application/problem+json`, without a body for HEAD.
struct ProblemMiddleware: Sendable {
    /// - Parameter found: called before the answer with what it says, if that is a problem.
    func handle(
        _ request: Request,
        _ context: BasicRequestContext,
        found: (Problem) -> Void = { _ in },
        next: MiddlewareChain.Next
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            let problem = self.problem(for: error, logger: context.logger)
            found(problem)
            let response = problem.response
            return request.method == .head ? response.createHeadResponse() : response
        }
    }

    private func problem(for error: any Error, logger: Logger) -> Problem {
        switch error {
        case let problem as Problem:
            return problem
        case let error as any HTTPResponseError:
            return self.problem(for: error)
        case let error as PresenceError:
            logger.debug("The presence store did not answer a request", metadata: [LogKey.error: "\(error)"])
            return .presenceUnavailable
        case is RequestDeadlines.BodyTimeout:
            return .slowBody
        case is HTTPParserError, is HugeContentLength, is ChannelError, is IOError:
            // The client broke off, or went on with what is no HTTP: nothing that an operator could mend.
            logger.debug("Request broken off", metadata: [LogKey.error: "\(ErrorText.of(error))"])
            return .malformedRequest
        default:
            logger.error("Request failed", metadata: [LogKey.error: "\(error)"])
            return Problem(.internalServerError, "internal", "The request failed on our side.")
        }
    }

    /// The framework's own refusals.
    private func problem(for error: any HTTPResponseError) -> Problem {
        switch error.status {
        case .notFound: .unknownPath
        case .contentTooLarge: Problem(.contentTooLarge, "body-too-large", "The body is too large.")
        default: Problem(error.status, "refused", "The request cannot be answered.")
        }
    }
}

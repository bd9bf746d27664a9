import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// Turns whatever a route throws into `application/problem+json`.
struct ProblemMiddleware<Context: RequestContext>: RouterMiddleware {
    @concurrent func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let problem as Problem {
            return problem.response
        } catch let error as any HTTPResponseError {
            return self.problem(for: error).response
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            context.logger.error("Request failed", metadata: [LogKey.error: "\(error)"])
            return Problem(.internalServerError, "internal", "The request failed on our side.").response
        }
    }

    /// The framework's own refusals.
    private func problem(for error: any HTTPResponseError) -> Problem {
        switch error.status {
        case .notFound: Problem(.notFound, "unknown-path", "There is nothing at this path.")
        case .contentTooLarge: Problem(.contentTooLarge, "body-too-large", "The body is too large.")
        default: Problem(error.status, "refused", "The request cannot be answered.")
        }
    }
}

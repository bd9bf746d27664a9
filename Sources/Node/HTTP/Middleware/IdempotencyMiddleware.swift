import HTTPTypes
import Logging
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Carries out a POST with an `Idempotency-Key` once, even if it is sent several times or to several nodes, and returns the
/// same answer each time.
///
/// Routes call it after they have checked the head of the request, because it reads the body to identify the request.
///
/// Only successful answers are stored. A request that was refused or failed has had no effect, and does not use up its key. If
/// an answer is too large to be stored, the request is still not carried out again: later attempts get 409.
struct IdempotencyMiddleware<Time: Clock>: Sendable where Time.Duration == Duration {
    private let store: any IdempotencyStore
    private let maximumBodyBytes: Int
    private let clock: Time

    /// - Parameter clock: for pauses between attempts only. The store decides how long answers are kept.
    init(store: any IdempotencyStore, maximumBodyBytes: Int, clock: Time = ContinuousClock()) {
        self.store = store
        self.maximumBodyBytes = maximumBodyBytes
        self.clock = clock
    }

    func handle(
        _ request: Request,
        _ context: HTTPRequestContext,
        next: NextHandler
    ) async throws -> Response {
        guard request.method == .post, let text = request.headers[.idempotencyKey] else {
            return try await next(request, context)
        }
        guard let key = IdempotencyKey(text).flatMap({ self.scoped($0, to: context.principal) }) else {
            throw Problem.invalidIdempotencyKey
        }
        let body = try await JSONBody.bytes(of: request, maximumBytes: self.maximumBodyBytes)
        var request = request
        request.body = RequestBody(buffer: body)
        let claim = IdempotencyClaim(key: key, request: RequestDigest.text(of: request, body: body))
        // Another attempt may use up its timeout, and then needs time to report to the store.
        let timeout = (try? Query(request, only: "wait", "timeout").timeout()) ?? .seconds(1)
        let deadline = self.clock.now.advanced(by: .nanoseconds(timeout.nanoseconds) + .seconds(1))
        if let answer = try await self.reserve(claim, until: deadline, logger: context.logger) {
            guard let response = StoredAnswer.decode(answer) else {
                context.logger.error("A stored answer cannot be read")
                throw Problem.answerNotKept
            }
            return response
        }
        let response: Response
        do {
            response = try await next(request, context)
        } catch is CancellationError {
            // It is unknown whether the request had an effect, so the reservation stays until it expires.
            throw CancellationError()
        } catch {
            await self.settle(claim, .release, logger: context.logger)
            throw error
        }
        guard response.status.kind == .successful else {
            await self.settle(claim, .release, logger: context.logger)
            return response
        }
        await self.settle(claim, .complete(StoredAnswer.encode(response) ?? StoredAnswer.notKept), logger: context.logger)
        return response
    }

    // MARK: - Before

    /// Keys of different callers are independent: the same key from another caller is another request.
    private func scoped(_ key: IdempotencyKey, to caller: Principal?) -> IdempotencyKey? {
        guard let caller else { return key }
        return IdempotencyKey(RequestDigest.text(of: [caller.identity, key.description]))
    }

    /// Reserves the key. Waits while another attempt is being carried out, and checks every 50 ms at first, later every 250 ms.
    /// - Returns: the stored answer; nil if this attempt is to carry out the request.
    private func reserve(_ claim: IdempotencyClaim, until deadline: Time.Instant, logger: Logger) async throws -> ByteBuffer? {
        var pause = Duration.milliseconds(50)
        while true {
            switch try await self.reserve(claim, logger: logger) {
            case .reserved: return nil
            case .answered(let answer): return answer
            case .mismatch: throw Problem.idempotencyKeyReused
            case .busy: break
            }
            let now = self.clock.now
            guard now < deadline else { throw Problem.idempotencyKeyBusy }
            do {
                try await self.clock.sleep(until: min(now.advanced(by: pause), deadline), tolerance: nil)
            } catch {
                // The node is shutting down, and waits no longer.
                throw Problem.idempotencyKeyBusy
            }
            pause = min(pause * 2, .milliseconds(250))
        }
    }

    private func reserve(_ claim: IdempotencyClaim, logger: Logger) async throws -> IdempotencyReservation {
        do throws(IdempotencyError) {
            return try await self.store.reserve(claim)
        } catch .full {
            throw Problem.idempotencyFull
        } catch {
            logger.warning("The idempotency store does not answer", metadata: [LogKey.error: "\(error)"])
            throw Problem.idempotencyUnavailable
        }
    }

    // MARK: - After

    private enum Ending {
        case complete(ByteBuffer)
        case release
    }

    /// Reports the end of an attempt to the store. If the store is unreachable, the caller gets the answer without waiting, and
    /// the report is repeated until the reservation would have expired. Until then the key is busy.
    private func settle(_ claim: IdempotencyClaim, _ ending: Ending, logger: Logger) async {
        if await self.tell(claim, ending, logger: logger) { return }
        Task {
            // Limited to 5 min in total. Without the store no keys can be reserved, so the number of these loops does not grow.
            for _ in 0..<150 {
                do { try await self.clock.sleep(for: .seconds(2)) } catch { return }
                if await self.tell(claim, ending, logger: logger) { return }
            }
            logger.error("The end of a request could not be reported to the idempotency store")
        }
    }

    /// - Returns: whether the store has accepted the report.
    private func tell(_ claim: IdempotencyClaim, _ ending: Ending, logger: Logger) async -> Bool {
        do throws(IdempotencyError) {
            switch ending {
            case .release: try await self.store.release(claim)
            case .complete(let answer):
                if try await !self.store.complete(claim, with: answer) {
                    logger.warning("A request took longer than its reservation, and was carried out again")
                }
            }
            return true
        } catch .full {
            // The answer is stored nevertheless, unless the reservation expired before the request was finished.
            if case .complete(let answer) = ending, answer != StoredAnswer.notKept {
                return await self.tell(claim, .complete(StoredAnswer.notKept), logger: logger)
            }
            logger.warning("A request took longer than its reservation, and the idempotency store has no room for its answer")
            return true
        } catch {
            logger.warning("The idempotency store does not answer", metadata: [LogKey.error: "\(error)"])
            return false
        }
    }
}

// MARK: - What callers are told

extension HTTPField.Name {
    static let idempotencyKey = HTTPField.Name("Idempotency-Key")!
}

extension Problem {
    static let invalidIdempotencyKey = Problem(
        .badRequest,
        "invalid-header",
        "Idempotency-Key must be 1 to \(IdempotencyLimits.keyBytes) visible ASCII characters, given once.",
        field: HTTPField.Name.idempotencyKey.rawName
    )

    static let idempotencyKeyReused = Problem(
        .unprocessableContent,
        "idempotency-key-reused",
        "This key was used for another request: with another path, query, body, or type of body.",
        field: HTTPField.Name.idempotencyKey.rawName
    )

    static let idempotencyKeyBusy = Problem(
        .conflict,
        "idempotency-key-busy",
        "The first request with this key is still running. Send the request again to get its answer. If the node of the first "
            + "request has failed, its result is unknown, and the key is free again after 5 minutes.",
        headers: [.retryAfter: "1"]
    )

    static let idempotencyUnavailable = Problem(
        .serviceUnavailable,
        "idempotency-unavailable",
        "The node cannot find out whether this request has been carried out before. Nothing has been sent.",
        headers: [.retryAfter: "1"]
    )

    static let idempotencyFull = Problem(
        .serviceUnavailable,
        "idempotency-full",
        "The store of Idempotency-Keys is full; each key stays for 5 minutes. Nothing has been sent.",
        field: HTTPField.Name.idempotencyKey.rawName,
        headers: [.retryAfter: "10"]
    )

    /// Without Retry-After, because another attempt gets the same answer.
    static let answerNotKept = Problem(
        .conflict,
        "answer-not-kept",
        "This request has been carried out before. Its answer is not stored."
    )
}

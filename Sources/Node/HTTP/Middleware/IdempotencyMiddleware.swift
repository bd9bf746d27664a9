import HTTPTypes
import Logging
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Carries out a POST with an `Idempotency-Key` once, however often and at whichever nodes it is sent, and gives the same answer to all.
///
/// Asked by the routes, when the head of the request is found to be good: to know the request, it reads the body.
///
/// Kept are answers of success only: a request that was refused or failed has done nothing, and uses up no key. An answer that is too
/// large to be kept still keeps the request from being carried out twice: later attempts are told so with 409.
struct IdempotencyMiddleware<Time: Clock>: Sendable where Time.Duration == Duration {
    private let store: any IdempotencyStore
    private let maximumBodyBytes: Int
    private let clock: Time

    /// - Parameter clock: for waits between attempts only; what is kept for how long is the store's.
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
        // The attempt waited for may use all of its time, and then needs some to tell the store.
        let timeout = (try? Query(request, only: "wait", "timeout").timeout()) ?? .seconds(1)
        let deadline = self.clock.now.advanced(by: .nanoseconds(timeout.nanoseconds) + .seconds(1))
        if let answer = try await self.reserve(claim, until: deadline, logger: context.logger) {
            guard let response = StoredAnswer.decode(answer) else {
                context.logger.error("A kept answer cannot be read")
                throw Problem.answerNotKept
            }
            return response
        }
        let response: Response
        do {
            response = try await next(request, context)
        } catch is CancellationError {
            // Whether anything was done is unknown: the reservation stays until it lapses.
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

    /// A key is its caller's own: what another one sends under the same is another request.
    private func scoped(_ key: IdempotencyKey, to caller: Principal?) -> IdempotencyKey? {
        guard let caller else { return key }
        return IdempotencyKey(RequestDigest.text(of: [caller.identity, key.description]))
    }

    /// Waits while another attempt is at it: 50 ms, then longer, up to 250 ms between two looks.
    /// - Returns: the kept answer; nil when the request is this attempt's to carry out.
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
                // The node is going, and waits no longer.
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

    /// Tells the store how the attempt ended. When the store has just gone away, the caller gets its answer without waiting for it, and the
    /// store is told again until the reservation would have lapsed; meanwhile the key is busy.
    private func settle(_ claim: IdempotencyClaim, _ ending: Ending, logger: Logger) async {
        if await self.tell(claim, ending, logger: logger) { return }
        Task {
            // Bounded: 5 min in all. Without the store nothing new is reserved, so these are no more than were under way when it went.
            for _ in 0..<150 {
                do { try await self.clock.sleep(for: .seconds(2)) } catch { return }
                if await self.tell(claim, ending, logger: logger) { return }
            }
            logger.error("The idempotency store never learnt the end of a request")
        }
    }

    /// - Returns: whether the store knows.
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
            // That it was carried out is kept all the same, but for a request that has outlasted its reservation.
            if case .complete(let answer) = ending, answer != StoredAnswer.notKept {
                return await self.tell(claim, .complete(StoredAnswer.notKept), logger: logger)
            }
            logger.warning("A request took longer than its reservation, and there is no room to remember it")
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
        "This key stands for another request: another path, query, body, or type of body.",
        field: HTTPField.Name.idempotencyKey.rawName
    )

    static let idempotencyKeyBusy = Problem(
        .conflict,
        "idempotency-key-busy",
        "The first request with this key has not ended yet. Its answer can be had by sending the same again. If its node has died, "
            + "nobody knows whether it was carried out; the key is free again 5 minutes after it.",
        headers: [.retryAfter: "1"]
    )

    static let idempotencyUnavailable = Problem(
        .serviceUnavailable,
        "idempotency-unavailable",
        "The node cannot find out whether this request has been carried out. Nothing has been sent.",
        headers: [.retryAfter: "1"]
    )

    static let idempotencyFull = Problem(
        .serviceUnavailable,
        "idempotency-full",
        "The node remembers as many Idempotency-Keys as it can, each for 5 minutes, and takes no new one for now. Nothing has been sent.",
        field: HTTPField.Name.idempotencyKey.rawName,
        headers: [.retryAfter: "10"]
    )

    /// Without Retry-After: another attempt gets the same.
    static let answerNotKept = Problem(
        .conflict,
        "answer-not-kept",
        "This request has been carried out before; its answer is not kept."
    )
}

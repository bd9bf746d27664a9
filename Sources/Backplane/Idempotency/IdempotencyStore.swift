public import NIOCore

/// Recently executed requests of the whole cluster, with their answers.
///
/// **Use.** The node that is to execute a request reserves its key, and ends with ``complete(_:with:)`` or, if nothing was done,
/// with ``release(_:)``. Of all attempts of one request, one gets `.reserved`. The others get `.busy` until it ends; then
/// `.answered`, or one of them gets `.reserved` if the key was released.
///
/// **Time.** A reservation that is never ended (its node died) expires after ``IdempotencyLifetimes/reservation``. An answer is
/// kept for ``IdempotencyLifetimes/answer`` from its completion. The store's clock measures both; the clocks of nodes do not
/// matter.
///
/// **Limits.** The size of each key and answer is limited (``IdempotencyLimits``). A store without room refuses a new key or
/// answer with ``IdempotencyError/full``; it never removes a key before it expires.
///
/// **Errors.** Every call ends within the store's timeout, with an answer or with ``IdempotencyError``. A call that failed may
/// have taken effect; every call may be repeated with the same claim.
public protocol IdempotencyStore: Sendable {
    /// Reserves the key for this attempt, unless it is taken.
    func reserve(_ claim: IdempotencyClaim) async throws(IdempotencyError) -> IdempotencyReservation

    /// Stores the answer for all later attempts, even if the reservation has expired in the meantime.
    /// - Parameter answer: at most ``IdempotencyLimits/answerBytes``.
    /// - Throws: ``IdempotencyError/full`` when there is no room for the answer; the reservation then stays. While the
    ///   reservation lasts, there is always room for an answer of ``IdempotencyLimits/smallAnswerBytes``.
    /// - Returns: false, and stores nothing, when the reservation expired and another attempt took the key.
    func complete(_ claim: IdempotencyClaim, with answer: ByteBuffer) async throws(IdempotencyError) -> Bool

    /// Frees the key for another attempt. Does nothing when this attempt does not hold the key, or has completed.
    func release(_ claim: IdempotencyClaim) async throws(IdempotencyError)
}

/// Why an idempotency store did not answer.
public enum IdempotencyError: Error, Hashable, Sendable {
    /// Not linked, or no answer within the timeout. The text is for operators.
    case unavailable(String)
    /// The store gave an invalid answer, or refused (out of memory, read only). The text is for operators.
    case refused(String)
    /// No room until stored keys expire. Nothing has been written.
    case full
}

/// How long an ``IdempotencyStore`` remembers.
public struct IdempotencyLifetimes: Hashable, Sendable {
    /// For a reservation that is never ended. Default 5 min, like an answer: its node may have died before or after it sent the
    /// message, or may hang and continue later.
    public let reservation: Duration
    /// For an answer. Default 5 min: longer than clients retry.
    public let answer: Duration

    public init(reservation: Duration = .seconds(300), answer: Duration = .seconds(300)) {
        self.reservation = reservation
        self.answer = answer
    }
}

/// Limits of an ``IdempotencyStore``.
public enum IdempotencyLimits {
    /// The largest key: 256 bytes, four times the length of a UUID with a prefix.
    public static let keyBytes = 256
    /// The largest answer: 64 KiB, enough for the receipts of a push from about 1,000 nodes.
    public static let answerBytes = 64 * 1024
    /// The largest answer that is certain to have room while its key is reserved: 1 KiB.
    public static let smallAnswerBytes = 1024
    /// What all keys of a cluster take in Redis by default, at most: 256 MiB, as idle topics. With answers of 150 bytes, these are
    /// 300,000 keys: a thousand new ones a second.
    public static let redisBytes = 256 * 1024 * 1024
}

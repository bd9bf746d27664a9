public import NIOCore

/// Which requests have been carried out lately, cluster-wide, and how they were answered.
///
/// **Use.** Who is to carry out a request reserves its key, and ends with ``complete(_:with:)`` or, when nothing was done,
/// ``release(_:)``. All attempts of one request agree: one gets `.reserved`, the others `.busy` until it ends, then `.answered`,
/// or `.reserved` in their turn when it was released.
/// **Time.** A reservation that nobody ends (its node died) lapses after ``IdempotencyLifetimes/reservation``; an answer is kept for
/// ``IdempotencyLifetimes/answer`` from its completion. Both are measured by the store; no node's clock matters.
/// **Bounds.** What is kept for a key is bounded (``IdempotencyLimits``). A store that lacks room refuses what is new, a key or an answer, with
/// ``IdempotencyError/full``; it forgets no key within its time.
/// **Errors.** Every call ends within the store's deadline, with an answer or with ``IdempotencyError``. What failed may nevertheless have
/// been done; all calls may be repeated with the same claim.
public protocol IdempotencyStore: Sendable {
    /// Takes the key for this attempt, unless it is taken.
    func reserve(_ claim: IdempotencyClaim) async throws(IdempotencyError) -> IdempotencyReservation

    /// Keeps the answer for all later attempts, also when the reservation has lapsed meanwhile.
    /// - Parameter answer: at most ``IdempotencyLimits/answerBytes``.
    /// - Throws: ``IdempotencyError/full`` when there is no room for the answer: the reservation stays as it is. There is room for one of
    ///   ``IdempotencyLimits/smallAnswerBytes`` while the reservation lasts.
    /// - Returns: false, and keeps nothing, when another attempt took the key after the reservation had lapsed.
    func complete(_ claim: IdempotencyClaim, with answer: ByteBuffer) async throws(IdempotencyError) -> Bool

    /// Gives the key free for another attempt. Does nothing when this attempt does not hold it, or has completed.
    func release(_ claim: IdempotencyClaim) async throws(IdempotencyError)
}

/// Why an idempotency store did not answer.
public enum IdempotencyError: Error, Hashable, Sendable {
    /// Not linked, or no answer within the deadline. The text is for operators.
    case unavailable(String)
    /// The store answered what no store should, or refused (out of memory, read only). The text is for operators.
    case refused(String)
    /// No room, until keys that are kept have had their time. Nothing has been written.
    case full
}

/// How long an ``IdempotencyStore`` remembers.
public struct IdempotencyLifetimes: Hashable, Sendable {
    /// Of a reservation that nobody ends. Default 5 min, as long as an answer: its node may have died before it sent anything, or
    /// after, or may stand still and go on.
    public let reservation: Duration
    /// Of an answer. Default 5 min: beyond what clients retry for.
    public let answer: Duration

    public init(reservation: Duration = .seconds(300), answer: Duration = .seconds(300)) {
        self.reservation = reservation
        self.answer = answer
    }
}

/// Bounds of ``IdempotencyStore``.
public enum IdempotencyLimits {
    /// Of a key: 256, four times what a UUID with a name before it needs.
    public static let keyBytes = 256
    /// Of an answer: 64 KiB, a push's receipts from about 1,000 nodes.
    public static let answerBytes = 64 * 1024
    /// Of an answer for which there is room wherever its key was reserved: 1 KiB.
    public static let smallAnswerBytes = 1024
}

import NIOCore

/// The times of long polling. As those of ASP.NET Core.
struct LongPollTimes: Hashable, Sendable {
    /// How long a poll waits: 90 s. Clients wait for 100 s.
    var poll = TimeAmount.seconds(90)
    /// Time without a poll after which the client is gone: 15 s.
    var absence = TimeAmount.seconds(15)
    /// Time for an answer to be written to the client: 10 s.
    var writing = TimeAmount.seconds(10)
}

/// What the node allows each client of a hub with methods. The defaults are those of the options.
struct HubCallSettings: Hashable, Sendable {
    /// Calls of methods that stream, beside each other: 100. Each may run for as long as the client is connected. `--hub-streams`.
    var streams = 100
    /// Calls that the client has to answer: 100. `--hub-client-results`.
    var clientResults = 100
    var times = SignalRTimes.Settings()
}

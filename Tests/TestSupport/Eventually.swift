/// Waits until a condition holds, checking it every 10 ms, and returns whether it held within `deadline`.
///
/// All tests use it to wait for a condition that has no event of its own.
public func eventually(
    within deadline: Duration = .seconds(60),
    _ condition: () async throws -> Bool
) async rethrows -> Bool {
    let clock = ContinuousClock()
    let end = clock.now.advanced(by: deadline)
    while true {
        if try await condition() { return true }
        if clock.now >= end { return false }
        try? await clock.sleep(for: .milliseconds(10))
    }
}

/// Waits for a condition, looking every 10 ms, and says whether it came true within `deadline`.
///
/// The tests' one way of waiting for something that has no event of its own.
public func eventually(
    within deadline: Duration = .seconds(30),
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

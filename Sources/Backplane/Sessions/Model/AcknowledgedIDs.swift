public import VolaryProtocol

/// The newest 1,000 `ackId`s that a connection's successful actions had, as runs of consecutive numbers in the order of success.
public struct AcknowledgedIDs: Hashable, Sendable {
    private struct Run: Hashable {
        let first: AckID
        /// Above 1 only for numbers.
        var count: UInt64

        func contains(_ id: AckID) -> Bool {
            switch (self.first, id) {
            case (.number(let first), .number(let number)): number >= first && number - first < self.count
            case (.text, .text): self.first == id
            default: false
            }
        }

        /// Whether the id is the one after the run.
        func isContinued(by id: AckID) -> Bool {
            guard case (.number(let first), .number(let number)) = (self.first, id) else { return false }
            return number > first && number - first == self.count
        }
    }

    public static let maximumCount: UInt64 = 1000

    /// Oldest first.
    private var runs: [Run] = []
    private var count: UInt64 = 0

    public init() {}

    /// - Parameter runs: oldest first, of ``maximumCount`` ids at most. Those of more than one begin with a number.
    init(runs: [(first: AckID, count: UInt64)]) {
        self.runs = runs.map { Run(first: $0.first, count: $0.count) }
        self.count = runs.reduce(0) { $0 + $1.count }
    }

    public func contains(_ id: AckID) -> Bool { self.runs.contains { $0.contains(id) } }

    /// Adds an id that is not contained. Beyond the limit, the oldest is forgotten.
    public mutating func insert(_ id: AckID) {
        if let last = self.runs.last, last.isContinued(by: id) {
            self.runs[self.runs.count - 1].count += 1
        } else {
            self.runs.append(Run(first: id, count: 1))
        }
        self.count += 1
        if self.count > Self.maximumCount { self.forgetOldest() }
    }

    private mutating func forgetOldest() {
        self.count -= 1
        let oldest = self.runs[0]
        if oldest.count > 1, case .number(let first) = oldest.first {
            self.runs[0] = Run(first: .number(first + 1), count: oldest.count - 1)
        } else {
            self.runs.removeFirst()
        }
    }

    /// Bytes of memory, about.
    var bytes: Int {
        self.runs.reduce(0) {
            guard case .text(let text) = $1.first else { return $0 + 32 }
            return $0 + 48 + text.text.utf8.count
        }
    }
}

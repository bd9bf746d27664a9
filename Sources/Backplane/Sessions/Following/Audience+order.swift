import VolaryProtocol

extension Sequence<Audience> {
    /// By kind, then by name: what happens must not depend on the order in a set. Names are compared by their bytes, because clients
    /// choose them.
    func inOrder() -> [Audience] { self.sorted { $0.precedes($1) } }
}

extension Audience {
    fileprivate func precedes(_ other: Audience) -> Bool {
        switch (self, other) {
        case (.connection(let left), .connection(let right)): left < right
        case (.group(let left), .group(let right)), (.user(let left), .user(let right)): left < right
        default: self.rank < other.rank
        }
    }

    private var rank: Int {
        switch self {
        case .all: 0
        case .connection: 1
        case .group: 2
        case .user: 3
        }
    }
}

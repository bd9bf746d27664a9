import VolaryProtocol

/// The connections that accepted a fan-out.
struct FanOutReach: Sendable {
    /// Connections that accepted bytes.
    var connections: UInt32 = 0
    /// How many of them have a client protocol without a message for a publication, by publication. Empty if all protocols have
    /// messages for all publications.
    var omissions: [PublicationID: UInt32] = [:]
    /// The others.
    var misses = FanOutMisses()

    /// Connections that accepted one publication.
    func count(of id: PublicationID) -> UInt32 {
        self.omissions.isEmpty ? self.connections : self.connections - (self.omissions[id] ?? 0)
    }

    /// Connections that accepted publications, added up over the publications.
    func deliveries(of publications: [PlacedPublication]) -> Int {
        guard !self.omissions.isEmpty else { return publications.count * Int(self.connections) }
        return publications.reduce(0) { $0 + Int(self.count(of: $1.publication.id)) }
    }
}

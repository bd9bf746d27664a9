import VolaryProtocol

extension Topic {
    /// The topics that a connection counts as a member of from the start: of its hub, to which a node is not always subscribed, and
    /// of its user.
    static func joined(in hub: HubName, by user: AudienceName?) -> [Topic] {
        (hub.isDefault ? [] : [.all(hub)]) + (user.map { [.user(hub, $0)] } ?? [])
    }
}

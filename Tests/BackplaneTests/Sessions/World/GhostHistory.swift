import NIOCore
import VolaryProtocol

@testable import VolaryBackplane

/// What was really executed in a hub, never trimmed: written by the test when it executes an operation, and independent of the store's logs.
struct GhostHistory {
    struct Published {
        let number: UInt64
        let text: String
        let publication: HubPublication
    }

    private struct Session {
        let user: AudienceName?
        let attachedAt: UInt64
        var memberships: MembershipHistory
    }

    private(set) var published: [Published] = []
    private var sessions: [ConnectionID: Session] = [:]

    mutating func executed(_ operation: SessionOperation, at number: UInt64) {
        switch operation {
        case .publish(let publication, _):
            self.published.append(Published(number: number, text: publication.text, publication: publication))
        case .attach(let attachment):
            var memberships = MembershipHistory()
            for group in attachment.groups { memberships.join(group, at: number) }
            self.sessions[attachment.connection] = Session(
                user: attachment.user,
                attachedAt: number,
                memberships: memberships
            )
        case .change(let change):
            switch change.change {
            case .joined(let group): self.sessions[change.connection]?.memberships.join(group, at: number)
            case .left(let group): self.sessions[change.connection]?.memberships.leave(group, at: number)
            case .permissions, .state: break
            }
        case .close: break
        }
    }

    mutating func forgetPublications() { self.published = [] }

    /// Everything that is for a connection, in order: its dense numbers are 1, 2, 3 and so on.
    func due(to id: ConnectionID) -> [Published] {
        guard let session = self.sessions[id] else { return [] }
        let filter = DeliveryFilter(connection: id, user: session.user)
        return self.published.filter { published in
            let entry = LogEntry(
                number: published.number,
                previous: 0,
                topic: published.publication.publication.audience,
                time: 0,
                content: .publication(published.publication)
            )
            return published.number > session.attachedAt && filter.delivers(entry, to: session.memberships) != nil
        }
    }

    func knows(_ id: ConnectionID) -> Bool { self.sessions[id] != nil }

    func isMember(_ id: ConnectionID, of group: AudienceName) -> Bool {
        self.sessions[id]?.memberships.isMember(of: group) ?? false
    }

    func count(of text: String) -> Int { self.published.reduce(0) { $0 + ($1.text == text ? 1 : 0) } }
}

extension HubPublication {
    var text: String { String(buffer: self.publication.payload) }

    /// Whether it is for one connection.
    var isForOne: Bool { if case .connection = self.publication.audience { true } else { false } }
}

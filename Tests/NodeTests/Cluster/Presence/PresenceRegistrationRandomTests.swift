import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// What a node tells the presence store, in any order of events.
@Suite
struct PresenceRegistrationRandomTests {
    private func record() -> ConnectionRecord {
        ConnectionRecord(id: .random(on: NodeID(rawValue: 1)), protocol: "plain", connectedAt: 1)
    }

    @Test func `Whatever happens in whatever order, the store ends with what is open`() {
        for _ in 0..<300 {
            var registration = PresenceRegistration()
            var open: [ConnectionID: ConnectionRecord] = [:]
            var store: Set<ConnectionID>?
            var joined: [ConnectionID] = []
            var left: [ConnectionID] = []
            func turn(_ fails: Bool) {
                switch registration.next() {
                case .nothing: break
                case .register:
                    guard !fails else { return }
                    store = []
                    let seen = Array(open.values)
                    // The connections are asked on their loops: what happens between is told to the registration first.
                    if Bool.random(), let id = open.keys.randomElement() {
                        open[id] = nil
                        registration.closed(id)
                    }
                    registration.registered(with: seen)
                case .update(_, let adding, let removing):
                    guard !fails else {
                        // Done or not: the answer did not come.
                        if Bool.random() { store?.formUnion(adding.map(\.id)) }
                        return
                    }
                    guard store != nil else { return registration.leaseLost() }
                    store?.formUnion(adding.map(\.id))
                    store?.subtract(removing)
                    let news = registration.updated(adding: adding, removing: removing)
                    joined += news.joined
                    left += news.left
                }
            }
            for _ in 0..<40 {
                switch Int.random(in: 0..<10) {
                case 0...3:
                    let record = self.record()
                    open[record.id] = record
                    registration.opened(record)
                case 4...5:
                    guard let id = open.keys.randomElement() else { continue }
                    open[id] = nil
                    registration.closed(id)
                case 6: store = nil
                default: turn(Bool.random())
                }
            }
            while registration.next() != .nothing || store == nil {
                if store == nil { registration.leaseLost() }
                turn(false)
            }
            #expect(store == Set(open.keys))
            #expect(Set(joined).count == joined.count)
            #expect(Set(left).count == left.count)
            #expect(Set(left).isSubset(of: joined), "told as left, never as joined")
            #expect(Set(joined).subtracting(left) == Set(open.keys))
            guard store == Set(open.keys), Set(joined).subtracting(left) == Set(open.keys) else { return }
        }
    }
}

import VolaryProtocol

/// A connection for filters.
struct TestSubject: FilterSubject {
    var connectionID: UTF8Text = "c1"
    var userID: UTF8Text? = "ann"
    var subprotocol: UTF8Text? = "json.webpubsub.azure.v1"
    var groups: Set<UTF8Text> = ["a", "b"]

    var groupCount: Int { self.groups.count }

    func isMember(of group: UTF8Text) -> Bool { self.groups.contains(group) }

    static let anonymous = TestSubject(userID: nil, subprotocol: nil, groups: [])
}

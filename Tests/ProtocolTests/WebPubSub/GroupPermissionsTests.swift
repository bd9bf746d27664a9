import Testing

@testable import VolaryProtocol

/// Roles, and grants and revocations at run time.
@Suite
struct GroupPermissionsTests {
    private static func allowed(_ permissions: GroupPermissions, _ name: String) -> [GroupPermission] {
        GroupPermission.allCases.filter { permissions.allows($0, PubSub.group(name)) }
    }

    @Test(
        arguments: [
            ("webpubsub.joinLeaveGroup", GroupPermission.joinLeaveGroup, ["a", "b.c", "*"], []),
            ("webpubsub.joinLeaveGroup.a", .joinLeaveGroup, ["a"], ["b", "a.b", "A"]),
            ("webpubsub.joinLeaveGroup.a.b", .joinLeaveGroup, ["a.b"], ["a", "b"]),
            ("webpubsub.joinLeaveGroup.*", .joinLeaveGroup, ["*"], ["a"]),
            ("webpubsub.joinLeaveGroups.a*", .joinLeaveGroup, ["a", "ab"], ["b", "a.b"]),
            ("webpubsub.joinLeaveGroups.a", .joinLeaveGroup, ["a"], ["ab"]),
            ("webpubsub.joinLeaveGroups.**", .joinLeaveGroup, ["a", "b.c"], []),
            ("webpubsub.sendToGroup", .sendToGroup, ["a", "b.c", "*"], []),
            ("webpubsub.sendToGroup.a", .sendToGroup, ["a"], ["b", "a.b", "A"]),
            ("webpubsub.sendToGroup. ä/b", .sendToGroup, [" ä/b"], ["ä/b"]),
            ("webpubsub.sendToGroups.room.*", .sendToGroup, ["room.1"], ["room.1.2", "room.*.x"]),
        ] as [(String, GroupPermission, [String], [String])]
    )
    func `A role allows one thing`(role: String, permission: GroupPermission, groups: [String], others: [String]) {
        let permissions = PubSub.permissions(role)
        for name in groups { #expect(Self.allowed(permissions, name) == [permission], "\(name)") }
        for name in others { #expect(Self.allowed(permissions, name) == [], "\(name)") }
        #expect(permissions.allowsAll(permission) == ["", "s.**"].contains(where: { role.hasSuffix("Group\($0)") }))
    }

    @Test(arguments: [
        "webpubsub.sendtogroup", "sendToGroup", "webpubsub.sendToGroups", "webpubsub.sendToGroup2", "webpubsub.SendToGroup.a",
        "WebPubSub.sendToGroup", "webpubsub.sendToGroups.", #"webpubsub.sendToGroups.\a"#, "webpubsub.sendToGroups.*a*a*a*a*a*",
        "",
        "webpubsub.unknown",
    ])
    func `Unknown roles and invalid patterns are ignored`(role: String) {
        #expect(PubSub.permissions(role) == .none)
        #expect(Self.allowed(PubSub.permissions(role), "a") == [])
    }

    @Test(arguments: ["webpubsub.sendToGroup.", "webpubsub.joinLeaveGroup. ", "webpubsub.sendToGroup.a\nb"])
    func `A role for a group with an invalid name is refused`(role: String) {
        #expect(GroupPermissions(roles: [UTF8Text(role)]) == nil)
    }

    @Test func `Without a role nothing is allowed`() {
        #expect(Self.allowed(.none, "a") == [])
        #expect(!GroupPermission.allCases.contains(where: GroupPermissions.none.allowsAll))
    }

    @Test func `The tenth pattern is ignored, whatever it is for; invalid patterns do not count`() {
        let invalid = (0..<9).map { #"webpubsub.sendToGroups.\#($0)\"# }
        let patterns = (0..<9).map { "webpubsub.\($0 < 5 ? "sendToGroups" : "joinLeaveGroups").\($0)*" }
        let permissions = GroupPermissions(roles: (invalid + patterns + ["webpubsub.sendToGroups.x*"]).map { UTF8Text($0) })!
        for number in 0..<9 {
            #expect(Self.allowed(permissions, "\(number)") == [number < 5 ? .sendToGroup : .joinLeaveGroup])
        }
        #expect(Self.allowed(permissions, "x") == [])
    }

    // MARK: - Changes

    private static func change(
        _ permissions: inout GroupPermissions,
        _ permission: GroupPermission,
        _ name: String?,
        isGranted: Bool,
        fits: Bool = true
    ) {
        let group = name.map { PubSub.group($0) }
        let isDone = isGranted ? permissions.grant(permission, for: group) : permissions.revoke(permission, for: group)
        #expect(isDone == fits)
    }

    private static let a = PubSub.group("a")
    private static let b = PubSub.group("b")

    @Test(arguments: ["webpubsub.sendToGroup", "webpubsub.sendToGroup.a", "webpubsub.sendToGroups.a*"])
    func `A change for a group overrides roles and patterns, and the newest counts`(role: String) {
        var permissions = PubSub.permissions(role)
        for isGranted in [false, true, false] {
            Self.change(&permissions, .sendToGroup, "a", isGranted: isGranted)
            #expect(permissions.allows(.sendToGroup, Self.a) == isGranted)
            #expect(!permissions.allows(.joinLeaveGroup, Self.a))
        }
        #expect(permissions.allows(.sendToGroup, Self.b) == (role == "webpubsub.sendToGroup"))
    }

    @Test func `A change for all groups overrides roles, but not changes for a group`() {
        var permissions = PubSub.permissions("webpubsub.sendToGroup", "webpubsub.sendToGroup.a", "webpubsub.sendToGroups.**")
        Self.change(&permissions, .sendToGroup, nil, isGranted: false)
        #expect(!permissions.allows(.sendToGroup, Self.a) && !permissions.allowsAll(.sendToGroup))
        Self.change(&permissions, .sendToGroup, "b", isGranted: true)
        #expect(permissions.allows(.sendToGroup, Self.b) && !permissions.allows(.sendToGroup, Self.a))
        Self.change(&permissions, .sendToGroup, "a", isGranted: false)
        Self.change(&permissions, .sendToGroup, nil, isGranted: true)
        #expect(!permissions.allows(.sendToGroup, Self.a) && permissions.allowsAll(.sendToGroup))
        #expect(permissions.allows(.sendToGroup, PubSub.group("c")))
        #expect(!permissions.allowsAll(.joinLeaveGroup))
    }

    @Test func `The name of a change is a literal`() {
        var permissions = GroupPermissions.none
        Self.change(&permissions, .joinLeaveGroup, "room.*", isGranted: true)
        #expect(permissions.allows(.joinLeaveGroup, PubSub.group("room.*")))
        #expect(!permissions.allows(.joinLeaveGroup, PubSub.group("room.1")) && !permissions.allowsAll(.joinLeaveGroup))
    }

    @Test func `A thousand groups have a permission of their own; changes of these and of all groups are still taken`() {
        let roles = (0..<600).map { UTF8Text("webpubsub.sendToGroup.\($0)") }
        var permissions = GroupPermissions(roles: roles + ["webpubsub.joinLeaveGroup"])!
        for number in 0..<400 { Self.change(&permissions, .joinLeaveGroup, "\(number)", isGranted: true) }
        for isGranted in [true, false] { Self.change(&permissions, .sendToGroup, "x", isGranted: isGranted, fits: false) }
        #expect(!permissions.allows(.sendToGroup, PubSub.group("x")))
        Self.change(&permissions, .joinLeaveGroup, "0", isGranted: false)
        Self.change(&permissions, .sendToGroup, nil, isGranted: true)
        #expect(!permissions.allows(.joinLeaveGroup, PubSub.group("0")) && permissions.allows(.sendToGroup, PubSub.group("x")))
    }

    @Test func `Roles for more than a thousand groups are ignored`() {
        let permissions = GroupPermissions(roles: (0..<1002).map { UTF8Text("webpubsub.sendToGroup.\($0)") })!
        #expect(permissions.allows(.sendToGroup, PubSub.group("999")))
        #expect(!permissions.allows(.sendToGroup, PubSub.group("1000")))
    }
}

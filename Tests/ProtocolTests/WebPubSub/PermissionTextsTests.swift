import Testing

@testable import VolaryProtocol

/// Permissions as texts, in which form they outlive a node.
struct PermissionTextsTests {
    private static let groups = ["g", "", "room.1", "a*b", "*", "+g", "é\n"].compactMap { AudienceName($0) }

    private static let roles: [[UTF8Text]] = [
        [], ["webpubsub.joinLeaveGroup"], ["webpubsub.sendToGroup.room.1", "webpubsub.joinLeaveGroup.*"],
        ["webpubsub.sendToGroups.a?c", #"webpubsub.joinLeaveGroups.a\*b**"#, "webpubsub.sendToGroups.*"],
        ["webpubsub.sendToGroups.**", "webpubsub.sendToGroup.+g"],
    ]

    @Test(arguments: Self.roles) func `Roles and changes survive`(roles: [UTF8Text]) throws {
        var permissions = try #require(GroupPermissions(roles: roles))
        for step in 0..<6 {
            let restored = GroupPermissions(texts: permissions.texts)
            #expect(restored.texts == permissions.texts)
            for permission in GroupPermission.allCases {
                #expect(restored.allowsAll(permission) == permissions.allowsAll(permission))
                for group in Self.groups { #expect(restored.allows(permission, group) == permissions.allows(permission, group)) }
            }
            let group = step == 3 ? nil : Self.groups[step % Self.groups.count]
            let isChanged =
                step % 2 == 0 ? permissions.grant(.sendToGroup, for: group) : permissions.revoke(.joinLeaveGroup, for: group)
            #expect(isChanged)
        }
    }

    @Test func `The newest change of a group counts after it was restored`() {
        var permissions = GroupPermissions.none
        let group = Self.groups[0]
        _ = permissions.grant(.sendToGroup, for: nil)
        _ = permissions.revoke(.sendToGroup, for: group)
        var restored = GroupPermissions(texts: permissions.texts)
        #expect(restored.allowsAll(.sendToGroup) && !restored.allows(.sendToGroup, group))
        _ = restored.grant(.sendToGroup, for: group)
        #expect(GroupPermissions(texts: restored.texts).allows(.sendToGroup, group))
    }

    @Test func `Other texts are ignored`() {
        let restored = GroupPermissions(texts: ["", "+", "-x", "x", "+webpubsub.sendToGroups.*", "webpubsub.sendToGroup.ok"])
        #expect(restored.texts == ["webpubsub.sendToGroup.ok"])
    }

    @Test(arguments: ["a", "*", "**", "?", #"a\*b\?c\\d"#, "room.**", "?*?", "**.log"])
    func `A pattern's text has the same matches`(
        text: String
    ) throws {
        let pattern = try #require(GroupPattern(UTF8Text(text)))
        #expect(pattern.text == text)
        #expect(GroupPattern(UTF8Text(pattern.text)) == pattern)
    }

    @Test func `The numbers of a session skip publications that are not sent`() {
        let session = JSONPubSubProtocol(isReliable: true).makeSession(
            SessionFacts(id: PubSub.id, user: nil, path: "/", subprotocol: nil)
        )
        for (through, expected) in [(UInt64(0), "1"), (6, "7"), (2, "3")] {
            session.skipPublications(through: through)
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: SequenceTail.byteCount, alignment: 1)
            defer { memory.deallocate() }
            var tail = OutputRawSpan(buffer: memory, initializedCount: 0)
            session.writeTail(to: &tail)
            _ = tail.finalize(for: memory)
            #expect(String(decoding: memory, as: UTF8.self).hasSuffix(" \(expected)}"))
        }
    }
}

/// A role of a client, from its token or its connect handler, as Web PubSub writes it: `webpubsub.sendToGroup.lobby`.
enum PubSubRole: Hashable {
    case allGroups(GroupPermission)
    case group(GroupPermission, AudienceName)
    case pattern(GroupPermission, GroupPattern)
    /// An unknown role, or a pattern that is invalid or too complex.
    case ignored

    /// Role names are compared exactly.
    /// - Returns: nil for a role for a group with an invalid name.
    init?(_ text: UTF8Text) {
        self = .ignored
        for permission in GroupPermission.allCases {
            if text == permission.role { self = .allGroups(permission) }
            if let name = text.suffix(after: "\(permission.role.string).") {
                guard let group = AudienceName(pubSubGroup: name) else { return nil }
                self = .group(permission, group)
            }
            if let pattern = text.suffix(after: "\(permission.role.string)s.").flatMap({ GroupPattern($0) }) {
                self = .pattern(permission, pattern)
            }
        }
    }
}

extension GroupPermission {
    var role: UTF8Text {
        switch self {
        case .joinLeaveGroup: "webpubsub.joinLeaveGroup"
        case .sendToGroup: "webpubsub.sendToGroup"
        }
    }
}

extension UTF8Text {
    fileprivate func suffix(after prefix: String) -> UTF8Text? {
        guard self.utf8.starts(with: prefix.utf8) else { return nil }
        return UTF8Text(String(Substring(self.utf8.dropFirst(prefix.utf8.count))))
    }
}

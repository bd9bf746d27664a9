@testable import VolaryProtocol

enum RolesFuzz {
    /// A pattern of a name's own characters matches the name, and stars match it in any case. A role for a group allows this group. A
    /// connection string that is printed is read as the same.
    static func check(_ input: [UInt8]) throws(FuzzFailure) {
        let text = String(decoding: input, as: UTF8.self)
        let line = UTF8Text(text)
        if let connection = try? ConnectionString(parsing: line) {
            try hold((try? ConnectionString(parsing: UTF8Text(connection.text))) == connection, "\(text) is read as another")
        }
        if let audience = TokenAudience(line) {
            _ = audience.opens(hub: "chat", hosts: ["example"])
            _ = audience.opens(path: line, hosts: ["example:8080"])
        }
        _ = (GroupPermissions(roles: [line]), AccessKey(line), EventName(line))
        guard let group = AudienceName(pubSubGroup: line) else { return }
        let escaped = text.unicodeScalars.map { #"*?\"#.unicodeScalars.contains($0) ? #"\\#($0)"# : "\($0)" }.joined()
        for pattern in [escaped, "**", "\(escaped)*", "**\(escaped)", "*\(escaped)***"] {
            // The escaped name may be too long for a pattern.
            if let pattern = GroupPattern(UTF8Text(pattern)) {
                try hold(pattern.matches(group), "\(pattern) does not match \(text)")
            }
        }
        if let pattern = GroupPattern(line), pattern.matches(group) == false {
            try hold(text.utf8.contains { #"*?\"#.utf8.contains($0) }, "\(text) does not match itself")
        }
        for (role, permission) in [("joinLeaveGroup", GroupPermission.joinLeaveGroup), ("sendToGroup", .sendToGroup)] {
            guard let permissions = GroupPermissions(roles: [UTF8Text("webpubsub.\(role).\(text)")]) else {
                throw FuzzFailure(description: "\(role) of \(text) is refused")
            }
            for other in GroupPermission.allCases {
                try hold(permissions.allows(other, group) == (other == permission), "\(role) of \(text)")
            }
        }
    }

    static var seeds: [[UInt8]] {
        [
            "webpubsub.sendToGroup.lobby", #"webpubsub.joinLeaveGroups.room.*?\*"#, "**.log", "a?c*d**", "room.1.2", #"\?\\"#,
            "https://example/client/hubs/chat", "wss://example:8080/client/?hub=chat#x",
            "http://[::1]/api/hubs/chat/users/a%2Fb/",
            "Endpoint=http://localhost:8080;AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH;Version=1.0;",
            "port=80;accesskey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH==;endpoint=https://x/",
        ].map { Array($0.utf8) }
    }
}

/// What one client may do with groups: roles from its token or connect handler, and grants and revocations at run time.
///
/// Permissions of a group do not follow from membership, and a revocation does not end a membership.
public struct GroupPermissions: Hashable, Sendable {
    /// Maximum of patterns: 9. Further ones are ignored.
    public static let maximumPatterns = 9
    /// Maximum of groups named one by one, in roles and at run time: 1,000. Roles beyond it are ignored.
    public static let maximumGroups = 1000

    private struct Target: Hashable {
        let permission: GroupPermission
        /// nil: all groups.
        let group: AudienceName?
    }

    private struct PatternRole: Hashable {
        let permission: GroupPermission
        let pattern: GroupPattern
    }

    /// Roles for one group or all groups.
    private var roles: Set<Target> = []
    private var patterns: [PatternRole] = []
    /// The newest grant (true) or revocation (false) for each target.
    private var changes: [Target: Bool] = [:]
    /// Roles and changes for a single group.
    private var groupCount = 0

    /// No permission.
    public static let none = GroupPermissions()

    private init() {}

    /// - Parameter roles: unknown ones are ignored.
    /// - Returns: nil if a role is for a group with an invalid name.
    public init?(roles: some Sequence<UTF8Text>) {
        for text in roles {
            switch PubSubRole(text) {
            case nil: return nil
            case .ignored: break
            case .allGroups(let permission): self.roles.insert(Target(permission: permission, group: nil))
            case .group(let permission, let group):
                guard self.groupCount < Self.maximumGroups else { continue }
                if self.roles.insert(Target(permission: permission, group: group)).inserted { self.groupCount += 1 }
            case .pattern(let permission, let pattern):
                guard self.patterns.count < Self.maximumPatterns else { continue }
                self.patterns.append(PatternRole(permission: permission, pattern: pattern))
            }
        }
    }

    // MARK: - Texts

    /// The permissions as texts: roles, and behind `+` or `-` the role that a change grants or revokes.
    package var texts: Set<UTF8Text> {
        var texts = Set(self.roles.map { UTF8Text(Self.role($0)) })
        for pattern in self.patterns { texts.insert(UTF8Text("\(pattern.permission.role.string)s.\(pattern.pattern.text)")) }
        for (target, isGranted) in self.changes { texts.insert(UTF8Text((isGranted ? "+" : "-") + Self.role(target))) }
        return texts
    }

    private static func role(_ target: Target) -> String {
        target.group.map { "\(target.permission.role.string).\($0.text)" } ?? target.permission.role.string
    }

    /// - Parameter texts: as ``texts`` made them; others are ignored.
    package init(texts: Set<UTF8Text>) {
        self = GroupPermissions(roles: texts.filter { $0.utf8.first.map { !"+-".utf8.contains($0) } ?? false }) ?? .none
        for text in texts {
            guard let sign = text.utf8.first, "+-".utf8.contains(sign) else { continue }
            let isGranted = sign == UInt8(ascii: "+")
            switch PubSubRole(UTF8Text(String(Substring(text.utf8.dropFirst())))) {
            case .allGroups(let permission)?: _ = self.change(Target(permission: permission, group: nil), isGranted: isGranted)
            case .group(let permission, let group)?:
                _ = self.change(Target(permission: permission, group: group), isGranted: isGranted)
            case .pattern?, .ignored?, nil: break
            }
        }
    }

    // MARK: - Changes

    /// Grants a permission for one group, or for all groups if `group` is nil.
    /// - Returns: false, with no change, if there are ``maximumGroups`` already.
    public mutating func grant(_ permission: GroupPermission, for group: AudienceName?) -> Bool {
        self.change(Target(permission: permission, group: group), isGranted: true)
    }

    /// Takes a permission away for one group, or for all groups if `group` is nil. Grants for single groups remain.
    /// - Returns: false, with no change, if there are ``maximumGroups`` already.
    public mutating func revoke(_ permission: GroupPermission, for group: AudienceName?) -> Bool {
        self.change(Target(permission: permission, group: group), isGranted: false)
    }

    private mutating func change(_ target: Target, isGranted: Bool) -> Bool {
        if target.group != nil, self.changes[target] == nil {
            guard self.groupCount < Self.maximumGroups else { return false }
            self.groupCount += 1
        }
        self.changes[target] = isGranted
        return true
    }

    // MARK: - Questions

    /// Whether the client has the permission for a group. A change for the group decides; without one a change for all groups;
    /// without that the roles.
    public func allows(_ permission: GroupPermission, _ group: AudienceName) -> Bool {
        if let isGranted = self.changes[Target(permission: permission, group: group)] { return isGranted }
        return self.changes[Target(permission: permission, group: nil)]
            ?? (self.roles.contains(Target(permission: permission, group: nil))
                || self.roles.contains(Target(permission: permission, group: group))
                || self.patterns.contains { $0.permission == permission && $0.pattern.matches(group) })
    }

    /// Whether the client has the permission for all groups, except groups for which it has been revoked.
    public func allowsAll(_ permission: GroupPermission) -> Bool {
        self.changes[Target(permission: permission, group: nil)]
            ?? (self.roles.contains(Target(permission: permission, group: nil))
                || self.patterns.contains { $0.permission == permission && $0.pattern.matchesAll })
    }
}

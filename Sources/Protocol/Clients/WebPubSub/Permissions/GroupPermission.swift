/// What a client may do with a group. Neither permission includes the other.
public enum GroupPermission: Hashable, Sendable, CaseIterable {
    /// To join and leave the group.
    case joinLeaveGroup
    /// To send to the group. The client need not be a member.
    case sendToGroup
}

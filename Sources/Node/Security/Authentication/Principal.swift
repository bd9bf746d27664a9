/// Who a REST request comes from.
struct Principal: Hashable, Sendable {
    /// Of the request that the current task serves; nil: nobody has to say who they are on this node, or on this path.
    @TaskLocal static var current: Principal?

    /// The same for all requests with one credential, on every node; holds nothing that could be used as one.
    let identity: String
    let permissions: Set<Permission>
}

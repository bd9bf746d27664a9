/// The authenticated caller of a REST request.
struct Principal: Hashable, Sendable {
    /// The caller of the request that the current task serves. Nil: this node, or this path, needs no credentials.
    @TaskLocal static var current: Principal?

    /// The same for all requests with one credential, on every node. Contains no secret.
    let identity: String
    let permissions: Set<Permission>
}

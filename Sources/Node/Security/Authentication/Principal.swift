/// The authenticated caller of a REST request.
struct Principal: Hashable, Sendable {
    /// The same for all requests with one credential, on every node. Contains no secret.
    let identity: String
    let permissions: Set<Permission>
}

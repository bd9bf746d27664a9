/// Who a REST request comes from.
struct Principal: Hashable, Sendable {
    /// The same for all requests with one credential, on every node; holds nothing that could be used as one.
    let identity: String
    let permissions: Set<Permission>
}

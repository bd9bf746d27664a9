/// A change over REST, as metric labels: the kind of change, and the type of the credential.
struct RequestedChange: MetricLabel {
    enum Kind: Int, CaseIterable, Sendable {
        case drain
        case close
        case join
        case leave
    }

    enum Credential: Int, CaseIterable, Sendable {
        /// The node needs no credentials.
        case none
        case key
        case token
    }

    static let all = Kind.allCases.flatMap { kind in Credential.allCases.map { Self(kind: kind, credential: $0) } }

    let kind: Kind
    let credential: Credential

    init(kind: Kind, credential: Credential) {
        self.kind = kind
        self.credential = credential
    }

    var index: Int { self.kind.rawValue * Credential.allCases.count + self.credential.rawValue }

    var dimensions: [(String, String)] { [("change", "\(self.kind)"), ("credential", "\(self.credential)")] }
}

extension Principal {
    private static let keyPrefix = "key "

    var credential: RequestedChange.Credential { self.identity.hasPrefix(Self.keyPrefix) ? .key : .token }

    /// For the log: the first 8 digits of a key's SHA-256, as in the key file, or a token's user.
    var shortIdentity: String {
        self.credential == .key ? String(self.identity.prefix(Self.keyPrefix.count + 8)) : self.identity
    }
}

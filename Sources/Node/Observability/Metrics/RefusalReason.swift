/// Why a WebSocket handshake was refused, as a metric label.
enum RefusalReason: Int, CaseIterable, MetricLabel {
    case notAWebsocket
    case unknownPath
    case unsupportedVersion
    case badKey
    case badExtensions
    case userNotAccepted
    case badUser
    case badHub
    case badGroup
    case badWelcome
    case hubNotPermitted
    case groupNotPermitted
    case originNotAllowed
    case tokenMissing
    case tokenAmbiguous
    case tokenMalformed
    case tokenSignature
    case tokenExpired
    case tokenNotYetValid
    case tokenAudience
    case tokenIssuer
    case tokenPayload
    case tokenClaimMissing
    case tokenClaimInvalid
    case tokenOtherUser
    case tokenTooLongLived
    case noAccessKey
    case badClaim
    case badMode
    case refusedByHandler
    case handlerFailed
    case reliableNotServed
    case unknownConnection
    case connectionInUse
    case notSubscribed
    case hubFull
    case draining
    case tooManyConnections
    case tooManyFromAddress
    case badForwarding

    init(_ refusal: WebSocketHandshake.Refusal) {
        self =
            switch refusal {
            case .notWebSocket, .wrongMethod, .hasBody, .unknownProtocol: .notAWebsocket
            case .unknownPath: .unknownPath
            case .unsupportedVersion: .unsupportedVersion
            case .badKey: .badKey
            case .badExtensions: .badExtensions
            case .userNotAccepted: .userNotAccepted
            case .badUser: .badUser
            case .badHub: .badHub
            case .badGroup: .badGroup
            case .hubNotPermitted: .hubNotPermitted
            case .groupNotPermitted: .groupNotPermitted
            case .badWelcome: .badWelcome
            case .originNotAllowed: .originNotAllowed
            case .unauthorized(let error): Self(error)
            case .badClaim: .badClaim
            case .badMode: .badMode
            case .refusedByHandler: .refusedByHandler
            case .handlerFailed: .handlerFailed
            case .reliableNotServed: .reliableNotServed
            case .unknownConnection, .noConnectionID: .unknownConnection
            case .connectionInUse: .connectionInUse
            case .notSubscribed: .notSubscribed
            case .hubFull: .hubFull
            case .draining: .draining
            case .overLimit(.tooManyConnections): .tooManyConnections
            case .overLimit(.tooManyFromAddress): .tooManyFromAddress
            case .overLimit(.badForwarding): .badForwarding
            }
    }

    private init(_ error: TokenError) {
        self =
            switch error {
            case .missing: .tokenMissing
            case .ambiguous: .tokenAmbiguous
            case .malformed: .tokenMalformed
            case .signature, .extensions: .tokenSignature
            case .payload: .tokenPayload
            case .absent: .tokenClaimMissing
            case .kind, .invalidTime, .invalidUser: .tokenClaimInvalid
            case .otherUser: .tokenOtherUser
            case .expired: .tokenExpired
            case .notYetValid: .tokenNotYetValid
            case .audience, .unexpectedAudience: .tokenAudience
            case .issuer: .tokenIssuer
            case .tooLongLived: .tokenTooLongLived
            case .noAccessKey: .noAccessKey
            }
    }

    var text: String { self.kebabCase }

    var dimensions: [(String, String)] { [("reason", self.text)] }
}

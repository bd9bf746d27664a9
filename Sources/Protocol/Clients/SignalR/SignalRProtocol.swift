import NIOCore

/// SignalR's hub protocol (https://github.com/dotnet/aspnetcore/blob/main/src/SignalR/docs/specs/HubProtocol.md), in one of its encodings, or
/// before the handshake that chooses one.
///
/// The sessions of all three are the same; they differ in how they encode publications.
public final class SignalRProtocol: ClientProtocol {
    /// nil: the client has not chosen, and gets no publications.
    private let encoding: SignalREncoding?
    private let maximumRecordBytes: Int

    /// - Parameter maximumRecordBytes: of a client's record, without separator or length.
    public init(_ encoding: SignalREncoding? = nil, maximumRecordBytes: Int) {
        self.encoding = encoding
        self.maximumRecordBytes = maximumRecordBytes
    }

    public var name: String { "signalr" }

    public func encode(_ publication: Publication) -> ClientMessage? {
        guard let encoding, let invocation = HubInvocation(publication) else { return nil }
        return encoding.message(invocation)
    }

    public func makeSession(_ facts: SessionFacts) -> any ClientSession {
        SignalRSession(maximumRecordBytes: self.maximumRecordBytes, carriesBinary: facts.carriesBinary)
    }
}

extension SignalREncoding {
    /// - Returns: nil for arguments that are no JSON list of values. No node publishes such ones.
    fileprivate func message(_ invocation: HubInvocation) -> ClientMessage? {
        switch self {
        case .json: return .text(SignalRRecord.json(calling: invocation.target, argumentList: invocation.arguments))
        case .messagePack:
            guard let list = try? MessagePackJSON.messagePack(of: invocation.arguments) else { return nil }
            return .binary(SignalRRecord.messagePack(calling: invocation.target, argumentList: list))
        }
    }
}

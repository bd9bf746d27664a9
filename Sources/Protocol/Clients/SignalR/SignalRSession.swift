import NIOCore

/// One client of SignalR: its handshake, and the records that follow it.
package final class SignalRSession: ClientSession {
    private var splitter: SignalRRecordSplitter
    /// nil until the handshake.
    private var encoding: SignalREncoding?
    /// Why the handshake was refused.
    private var refusal: SignalRHandshake.Refusal?
    /// Whether the client has said that it closes the connection. Then it needs no answer.
    private var hasClosed = false
    /// Whether the client keeps its connection alive. Only then does its silence mean something.
    package private(set) var hasPinged = false
    /// Messages and parts of them.
    package private(set) var messageCount: UInt32 = 0

    /// Of a record of the client, without separator or length.
    package let maximumRecordBytes: Int
    private let carriesBinary: Bool

    init(maximumRecordBytes: Int, carriesBinary: Bool) {
        self.maximumRecordBytes = maximumRecordBytes
        self.carriesBinary = carriesBinary
        self.splitter = SignalRRecordSplitter(maximumBytes: maximumRecordBytes)
    }

    package var hubFormat: HubFormat? { self.encoding.map { HubFormat($0) } }

    // MARK: - From the client

    package func next(in message: inout ClientMessage) throws(ProtocolViolation) -> SessionStep {
        self.messageCount &+= 1
        var bytes = message.bytes
        defer { message.bytes = bytes }
        guard let encoding else { return try self.handshake(&bytes) }
        guard let content = try self.splitter.next(encoding, in: &bytes), let record = try encoding.record(content) else {
            return .nothing
        }
        return try self.step(record, HubFormat(encoding))
    }

    private func handshake(_ bytes: inout ByteBuffer) throws(ProtocolViolation) -> SessionStep {
        do throws(SignalRHandshake.Refusal) {
            guard let json = try self.splitter.handshake(in: &bytes) else { return .nothing }
            let encoding = try SignalRHandshake(parsing: json).encoding
            guard encoding == .json || self.carriesBinary else { throw SignalRHandshake.Refusal.textOnly(encoding) }
            self.encoding = encoding
        } catch {
            self.refusal = error
            throw .signalRRefused
        }
        return .action(ClientAction(.hub(.opened)))
    }

    private func step(_ record: SignalRRecord, _ format: HubFormat) throws(ProtocolViolation) -> SessionStep {
        let request: HubRequest
        switch record {
        case .invocation(let invocation): request = .call(try HubRequest.Call(invocation, format))
        case .streamItem(let id, let item): request = .item(try AckID(signalR: id), HubData(format, item))
        case .completion(let id, let outcome): request = .completion(try AckID(signalR: id), HubRequest.Outcome(outcome, format))
        case .cancelInvocation(let id): request = .cancel(try AckID(signalR: id))
        case .ping:
            self.hasPinged = true
            return .nothing
        case .close:
            self.hasClosed = true
            throw .signalRClosed
        // Only stateful reconnect has numbered records, and it is not offered.
        case .ack, .sequence: return .nothing
        }
        return .action(ClientAction(.hub(request)))
    }

    // MARK: - To the client

    package func encode(_ event: ServerEvent) -> ClientMessage? {
        guard let encoding else {
            guard case .closing = event else { return nil }
            return .text(SignalRHandshake.answer(self.refusal ?? .canceled))
        }
        switch event {
        case .connected: return .text(SignalRHandshake.accepted)
        case .hub(let reply): return encoding.message(SignalRRecord(reply, encoding))
        case .ping: return encoding.message(.ping)
        case .closing(let code, let reason):
            guard !self.hasClosed else { return nil }
            let error = reason.utf8.isEmpty ? nil : UTF8Text(reason)
            return encoding.message(.close(error: error, allowsReconnect: code.invitesSignalR))
        case .welcome, .echo, .notice, .result: return nil
        }
    }
}

extension ProtocolViolation {
    /// The client has sent a Close record.
    package static let signalRClosed = ProtocolViolation(.normal, "")
    /// The client has the reason in the answer to its handshake.
    static let signalRRefused = ProtocolViolation(.normal, "handshake refused")
}

extension CloseCode {
    /// Whether a client with automatic reconnect is to connect again: its next connection may fare better.
    fileprivate var invitesSignalR: Bool {
        switch self {
        case .goingAway, .serviceRestart, .tryAgainLater, .timeout: true
        default: false
        }
    }
}

extension SignalRRecordSplitter {
    /// As ``next(_:in:)``, for the first record.
    fileprivate mutating func handshake(in bytes: inout ByteBuffer) throws(SignalRHandshake.Refusal) -> ByteBuffer? {
        do throws(ProtocolViolation) {
            return try self.next(.json, in: &bytes)
        } catch {
            throw .canceled
        }
    }
}

// MARK: - Hubs

extension HubFormat {
    init(_ encoding: SignalREncoding) {
        switch encoding {
        case .json: self = .json
        case .messagePack: self = .messagePack
        }
    }
}

extension AckID {
    /// An id of SignalR. .NET has no limit; clients use numbers, or UUIDs.
    /// - Throws: ``ProtocolViolation/signalRMalformed`` for more than ``maximumBytes``.
    fileprivate init(signalR text: UTF8Text) throws(ProtocolViolation) {
        guard let id = AckID(text) else { throw .signalRMalformed }
        self = id
    }

    fileprivate var signalR: UTF8Text {
        switch self {
        case .number(let number): UTF8Text("\(number)")
        case .text(let text): text.text
        }
    }
}

extension HubRequest.Call {
    fileprivate init(_ invocation: SignalRInvocation, _ format: HubFormat) throws(ProtocolViolation) {
        var uploads: [AckID] = []
        for id in invocation.streamIDs { uploads.append(try AckID(signalR: id)) }
        var id: AckID?
        if let text = invocation.id { id = try AckID(signalR: text) }
        self.init(
            invocation.isStream ? .stream : .invocation,
            id: id,
            target: invocation.target,
            arguments: invocation.arguments.map { HubData(format, $0) },
            uploads: uploads
        )
    }
}

extension HubRequest.Outcome {
    fileprivate init(_ outcome: SignalROutcome, _ format: HubFormat) {
        switch outcome {
        case .void: self = .value(nil)
        case .result(let result): self = .value(HubData(format, result))
        case .error(let text): self = .failure(text)
        }
    }
}

extension SignalRRecord {
    /// - Parameter reply: with values in this encoding.
    fileprivate init(_ reply: HubReply, _ encoding: SignalREncoding) {
        switch reply {
        case .item(let id, let data): self = .streamItem(id: id.signalR, item: data.bytes)
        case .invocation(let id, let target, let arguments):
            self = .invocation(SignalRInvocation(UTF8Text(target), arguments.map(\.bytes), id: id.signalR))
        case .completion(let id, let outcome):
            let id = id.signalR
            switch outcome {
            // As .NET does: there is a result, and it is null.
            case .void where encoding == .json: self = .completion(id: id, .result(ByteBuffer(staticString: "null")))
            case .void, .end: self = .completion(id: id, .void)
            case .value(let data): self = .completion(id: id, .result(data.bytes))
            case .failure(let text): self = .completion(id: id, .error(UTF8Text(text)))
            }
        }
    }
}

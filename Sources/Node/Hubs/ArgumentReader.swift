import VolaryNode

/// A parameter that is no argument of the client. It conforms to `Decodable` so that methods may have it beside arguments, and is never
/// decoded.
protocol InjectedParameter: Decodable {
    static var isUpload: Bool { get }
    static func take(from reader: inout ArgumentReader) throws -> Self
}

/// It was decoded, as a part of an argument or a result.
struct NotDecodable: Error {}

/// Reads the parameters of a call, in order.
struct ArgumentReader {
    let call: HubCall
    let operations: HubOperationsBox
    private var arguments = 0
    private var uploads = 0

    private init(_ call: HubCall, _ operations: HubOperationsBox) {
        self.call = call
        self.operations = operations
    }

    /// Reads all parameters.
    /// - Throws: also for arguments that no parameter has taken.
    static func arguments<each Parameter: Decodable>(
        of call: HubCall,
        _ operations: HubOperationsBox,
        as types: repeat (each Parameter).Type
    ) throws -> (repeat each Parameter) {
        var reader = Self(call, operations)
        let parameters = (repeat try reader.next(each types))
        guard reader.arguments == call.arguments.count else { throw HubFailure.arguments }
        return parameters
    }

    private mutating func next<Parameter: Decodable>(_ type: Parameter.Type) throws -> Parameter {
        if let injected = type as? any InjectedParameter.Type {
            guard let value = try injected.take(from: &self) as? Parameter else { throw HubFailure.arguments }
            return value
        }
        defer { self.arguments += 1 }
        return try self.call.arguments.decode(type, at: self.arguments)
    }

    /// The node has checked that there are as many as the method has.
    mutating func nextUpload() throws -> HubUpload {
        guard self.call.uploads.indices.contains(self.uploads) else { throw HubFailure.arguments }
        defer { self.uploads += 1 }
        return self.call.uploads[self.uploads]
    }

    /// How many of the parameters are uploads.
    static func uploads<each Parameter>(_ types: repeat (each Parameter).Type) -> Int {
        var count = 0
        for type in repeat each types {
            if let injected = type as? any InjectedParameter.Type, injected.isUpload { count += 1 }
        }
        return count
    }
}

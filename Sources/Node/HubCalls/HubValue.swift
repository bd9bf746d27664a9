import Foundation
public import NIOCore
import NIOFoundationEssentialsCompat
public import VolaryProtocol

/// A value for clients, which is encoded when it is known in which format.
public struct HubValue: Sendable {
    private let encode: @Sendable (HubFormat) throws -> HubData

    public init(_ value: some Encodable & Sendable) {
        self.encode = { try HubData(encoding: value, as: $0) }
    }

    /// A value that is encoded already.
    public init(json: ByteBuffer) {
        self.encode = { format in
            switch format {
            case .json: HubData(.json, json)
            case .messagePack: HubData(.messagePack, try MessagePackJSON.messagePack(of: json))
            }
        }
    }

    public func encoded(as format: HubFormat) throws -> HubData { try self.encode(format) }

    /// A JSON list.
    static func list(_ values: [HubValue]) throws -> ByteBuffer {
        let encoded = try values.map { try $0.encoded(as: .json).bytes }
        var list = ByteBuffer()
        list.reserveCapacity(encoded.reduce(2) { $0 + $1.readableBytes + 1 })
        list.writeStaticString("[")
        for (index, value) in encoded.enumerated() {
            if index > 0 { list.writeStaticString(",") }
            list.writeImmutableBuffer(value)
        }
        list.writeStaticString("]")
        return list
    }
}

/// Values of Swift. Dates are texts of ISO 8601, and bytes are texts in base64, as SignalR's clients write them.
extension HubData {
    init(encoding value: some Encodable, as format: HubFormat) throws {
        switch format {
        case .json:
            let encoder = JSONEncoder()
            encoder.outputFormatting = .withoutEscapingSlashes
            encoder.dateEncodingStrategy = .iso8601
            self.init(.json, ByteBuffer(data: try encoder.encode(value)))
        case .messagePack:
            self.init(.messagePack, try MessagePackJSON.messagePack(of: HubData(encoding: value, as: .json).bytes))
        }
    }

    public func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        switch self.format {
        case .json:
            let decoder = JSONDecoder()
            decoder.dateDecodingStrategy = .iso8601
            return try decoder.decode(type, from: self.bytes)
        case .messagePack: return try HubData(.json, MessagePackJSON.json(of: self.bytes)).decode(type)
        }
    }
}

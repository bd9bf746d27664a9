import Foundation

/// A message of `json.reliable.webpubsub.azure.v1` to a client.
struct ReliableFrame: Decodable {
    struct Failure: Decodable {
        let name: String
    }

    let type: String
    let event: String?
    let connectionId: String?
    let reconnectionToken: String?
    let sequenceId: UInt64?
    let data: String?
    let ackId: UInt64?
    let success: Bool?
    let error: Failure?

    init(_ text: String) throws { self = try JSONDecoder().decode(Self.self, from: Data(text.utf8)) }

    static func publish(_ payload: String, to group: String, ackID: UInt64) -> String {
        #"{"type":"sendToGroup","group":"\#(group)","dataType":"text","data":"\#(payload)","ackId":\#(ackID)}"#
    }

    /// Without acknowledgment.
    static func publish(_ payload: String, to group: String) -> String {
        #"{"type":"sendToGroup","group":"\#(group)","dataType":"text","data":"\#(payload)"}"#
    }

    static func event(_ payload: String, ackID: UInt64) -> String {
        #"{"type":"event","event":"ask","dataType":"text","data":"\#(payload)","ackId":\#(ackID)}"#
    }

    static func acknowledge(_ sequence: UInt64) -> String { #"{"type":"sequenceAck","sequenceId":\#(sequence)}"# }

    static let ping = #"{"type":"ping"}"#
}

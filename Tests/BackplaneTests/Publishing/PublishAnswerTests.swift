import NIOCore
import Testing

@testable import VolaryBackplane

/// What Redis answers to a publication.
struct PublishAnswerTests {
    @Test func `PUBLISH answers a number, the script three, and errors and all else are told apart`() {
        func text(_ value: RESPValue) -> String { "\(PublishAnswer(value))" }
        let history = RESPValue.bulk(ByteBuffer(string: "a1"))
        #expect(text(.integer(3)) == "confirmed(receivers: 3, nil, history: nil)")
        #expect(text(.array([.integer(2), .integer(7), .integer(9)])) == "confirmed(receivers: 2, Optional(7-9), history: nil)")
        #expect(
            text(.array([.integer(2), .integer(7), .integer(0), history]))
                == "confirmed(receivers: 2, nil, history: Optional(\"a1\"))"
        )
        #expect(text(.error("NOSCRIPT No matching script.")) == "scriptIsMissing")
        #expect(text(.error("OOM command not allowed")) == "refused(\"OOM command not allowed\")")
        for value in [
            RESPValue.array([]), .array([.integer(1), .integer(2)]), .array([.integer(1), .integer(2), history]), .status("OK"),
            .array([.integer(1), .integer(-2), .integer(3)]),
        ] {
            #expect(text(value) == "malformed")
        }
    }
}

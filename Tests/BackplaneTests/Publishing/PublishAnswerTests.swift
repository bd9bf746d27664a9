import NIOCore
import Testing

@testable import VolaryBackplane

/// What Redis answers to a publication.
struct PublishAnswerTests {
    @Test func `PUBLISH answers a number, the script three, and errors and all else are told apart`() {
        func text(_ value: RESPValue) -> String { "\(PublishAnswer(value))" }
        #expect(text(.integer(3)) == "confirmed(receivers: 3)")
        #expect(text(.array([.bulk(ByteBuffer()), .integer(1), .integer(2)])) == "confirmed(receivers: 2)")
        #expect(text(.error("NOSCRIPT No matching script.")) == "scriptIsMissing")
        #expect(text(.error("OOM command not allowed")) == "refused(\"OOM command not allowed\")")
        for value in [RESPValue.array([]), .array([.integer(1), .integer(2), .bulk(ByteBuffer())]), .status("OK")] {
            #expect(text(value) == "malformed")
        }
    }
}

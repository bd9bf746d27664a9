import Testing
import VolaryProtocol

/// Close codes.
@Suite
struct CloseCodeTests {
    @Test(
        arguments: [
            (0, false), (999, false), (1000, true), (1001, true), (1002, true), (1003, true), (1004, false), (1005, false),
            (1006, false),
            (1007, true), (1008, true), (1009, true), (1010, true), (1011, true), (1012, true), (1013, true), (1014, true),
            (1015, false),
            (1016, false), (1999, false), (2000, false), (2999, false), (3000, true), (3999, true), (4000, true), (4999, true),
            (5000, false), (65_535, false),
        ] as [(UInt16, Bool)]
    )
    func `Which codes may stand in a close frame`(code: UInt16, canSend: Bool) {
        #expect(CloseCode(rawValue: code).canSend == canSend)
    }

    @Test func `The codes have their numbers`() {
        let codes: [CloseCode] = [
            .normal, .goingAway, .protocolError, .unsupportedData, .invalidData, .policyViolation, .messageTooBig, .internalError,
            .serviceRestart, .tryAgainLater,
        ]
        #expect(codes.map(\.rawValue) == [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013])
        for code in codes { #expect(code.canSend) }
    }
}

import Crypto
import Foundation
import JWTKit
import TestSupport

@testable import VolaryNode

/// Keys that nothing but these tests knows, and what is signed with them.
enum TestKeys {
    static let secret = "0123456789abcdef0123456789abcdef"
    static let otherSecret = "fedcba9876543210fedcba9876543210"

    static let rsaPrivate = """
        -----BEGIN PRIVATE KEY-----
        MIIEugIBADANBgkqhkiG9w0BAQEFAASCBKQwggSgAgEAAoIBAQDN+OcK3LN/RjaE
        aiFuWtraeezH4pb0j2jGFKdfOydi+viK1JFMuKIAc8/TOtCwTIAZ7DoheJB6iADZ
        /ShUvp6Gi8mIQGN5+jlBwlpbk66unA//io+jfF5KzcIycwf4ewHnE0j2dGid7hXE
        uaCQiup0UHt9zlmEoey+Gh8uX2MEhMOOK+6TMAu9oh1uxIVz3eFiJF5gUNwhkzBF
        shMj7Ibql3c6I9dhTdC9nauXmcrgDT+b6Z5JTBiNVxF4u10RivWbjHXKTskoNJg+
        uR6fyVJVWYxlUFnJjqK8hhsUjqfnw2VyrXtunCuS7GM2xIX7+dPuBN/6xnMvVeoJ
        ysQIVZYhAgMBAAECgf9fREVf+asyDRhGmF5GajFBc6gabPXXC3QxpUj0NONOolRl
        4iSUyY68WvqMKmWeQenhx7aWqC0OuHDI1H5OQk4/tBxJ6OZ4qnyOx+RFgJdngQBX
        FTFarvKPIgSA8kHQfLWwbbZRnRRBmQNcFstmInu28fSLKNywhXbxITbZFhYCL5sX
        cAgk6Sq7nWR1vjTKGuVkSlyiPy6E7IFaeXtATyB7FLzdUIF9n+LiF7fS8LDXpq92
        Fz2zpOFSkBesyUrvxrbJeXgQ7IUaRfjaYlaOp26BSnoslm49GXXp2I6wRc5gfgEA
        +B9gJdY9cHhP6yBWhmWIBcBej5jfSkqnE6u5Og0CgYEA6Cmk2y3xotSbq2osLA2U
        op3/W8uBFpaI/lDmTT7Qfa8ezTSMOQau9ghS7gTrDxz6fCLld0QeJyzDCkmjrl7D
        ZDfF+EaZF0FMMWi+eslO5tcrSyDMATWkV59dlkgzpmDhTEWay6Jrk8AUrL4JKnIq
        P/Xo0PIMRjEfBYxtIxFdxvMCgYEA4x7ZNM9jIdpxZR/ZIY6ckAJcJ2tgyUCAfjqV
        wlLx5l+dvzMKxEAS8uoG5fNucPYkhSvoSg+tcgzSoV/1zOzYVpkZIoBgv9uVcUrr
        VSux75fYDWoXk+N8HqTxh7n8P584t4h/J84q7clbbDf9/i1G+7RrwzyUxeF4hSnu
        gYbDm5sCgYAB7VaQ+zCmSV2BbsAvHW2+a9FS0b2gkl9QvRssSPkyEeIPkgAX+RY6
        tJb7os7QsUzi+ucstkQJzzVPQI07RU4Z5tyd0vgyWThosJXkLweYovCZDwyide+H
        SqtcM/05xFQabfl69z4tW8rQJEOvNoNjRIdKNLglXQME6MV/JQXCQQKBgAVlVTm4
        95z1SJ5jbFAsyDFvrOrO1UTSwHq/P5GXUOHtQZ0qREY3U3vr7XAHIYeTgXice29P
        AgrknRhyZC+TLOyZxIwaSrIkMF+5rO+gEyEjFWH0NE0yKV+9AXP9Ci4kxT8vAf5b
        Go/9qatfhSxFvRr7xVelF8+/tJJNVbpEDl+jAoGADT4YHS++MBVrHs1vvpr1HGUo
        3Q0urJadXZ2PQqyDkfW7BfcRsV2DH+MiyXdAJfLvjNDNoSIHoJBpiqT96d8CSLO/
        bkxdSGeIqEsRTLD2JJ/wSzGvOE1q1p8lLZd5kTZrMXFOa5+2DGfopNLAtwH8sqw/
        keBpOG+iK06icSfZ7rI=
        -----END PRIVATE KEY-----
        """

    static let rsaPublic = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAzfjnCtyzf0Y2hGohblra
        2nnsx+KW9I9oxhSnXzsnYvr4itSRTLiiAHPP0zrQsEyAGew6IXiQeogA2f0oVL6e
        hovJiEBjefo5QcJaW5OurpwP/4qPo3xeSs3CMnMH+HsB5xNI9nRone4VxLmgkIrq
        dFB7fc5ZhKHsvhofLl9jBITDjivukzALvaIdbsSFc93hYiReYFDcIZMwRbITI+yG
        6pd3OiPXYU3QvZ2rl5nK4A0/m+meSUwYjVcReLtdEYr1m4x1yk7JKDSYPrken8lS
        VVmMZVBZyY6ivIYbFI6n58Nlcq17bpwrkuxjNsSF+/nT7gTf+sZzL1XqCcrECFWW
        IQIDAQAB
        -----END PUBLIC KEY-----
        """

    /// 1024 bits.
    static let smallRSAPublic = """
        -----BEGIN PUBLIC KEY-----
        MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC2t9JORUX164Q4GkwkS+eCebok
        dVkZfxuZIkAYHcunMZEPOCErvQqm4kwKl37luw5wh71GxhykDeAolZ7Ukdx4WKS1
        ACri9gXF2KYuWKeaxcycHxXMlWbFev6A5RdQcljh10Ap4QLX7CREPB/q5N0tvsC/
        5eoSbuePXERN60cxXQIDAQAB
        -----END PUBLIC KEY-----
        """

    static func sign(_ claims: TestClaims, secret: String = Self.secret, header: JWTHeader = [:]) async throws -> String {
        let keys = await JWTKeyCollection().add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
        return try await keys.sign(claims, header: header)
    }

    /// A token with exactly these claims, whatever they are.
    static func sign(json: String, secret: String = Self.secret) -> String {
        func encoded(_ bytes: some Sequence<UInt8>) -> String {
            Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        }
        let signed = encoded(#"{"alg":"HS256","typ":"JWT"}"#.utf8) + "." + encoded(json.utf8)
        let code = HMAC<SHA256>.authenticationCode(for: Data(signed.utf8), using: SymmetricKey(data: Data(secret.utf8)))
        return signed + "." + encoded(code)
    }

    static func verifier(_ keys: [TokenKey], now: Int64 = 0, rules: TokenClaims.Rules = .init()) throws -> TokenVerifier {
        let file = try TemporaryFile("")
        return TokenVerifier(
            files: [try ReloadableFile(.jwtKey, path: file.path, rule: "") { _ in TokenKeys(keys: keys) }],
            rules: rules,
            now: { now }
        )
    }
}

/// The claims that most tests need, as other programs write them.
struct TestClaims: JWTPayload {
    var sub: String?
    var exp: Double?
    var nbf: Double?
    var aud: [String]?
    var iss: String?
    var groups: [String]?
    var permissions: [String]?
    var scope: String?

    func verify(using _: some JWTAlgorithm) {}
}

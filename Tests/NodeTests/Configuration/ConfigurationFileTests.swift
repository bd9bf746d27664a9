import Foundation
import TestSupport
import Testing

@testable import VolaryNode

/// The configuration file.
@Suite
struct ConfigurationFileTests {
    private func values(_ contents: String) throws -> [ConfigurationOption: String] {
        let file = try TemporaryFile(contents)
        return try ConfigurationFile.values(file.path, origin: .flag)
    }

    private func error(_ contents: String) -> ConfigurationError? {
        #expect(throws: ConfigurationError.self) { try self.values(contents) }
    }

    @Test
    func `Texts, whole numbers, and true and false for switches`() throws {
        #expect(try self.values("{}").isEmpty)
        #expect(try self.values(" {\r\n\t\"port\" : 8081 ,\n\"lease\":\"5s\"}\n\n") == [.port: "8081", .lease: "5s"])
        #expect(
            try self.values(#"{"insecure": true, "compression": false, "proxy-protocol": "on", "anonymous-clients": "off"}"#)
                == [.insecure: "on", .compression: "off", .proxyProtocol: "on", .anonymousClients: "off"]
        )
        #expect(
            try self.values(#"{"\u0070ort": -1, "jwt-issuer": "a\"\\\u00fcü\ud83d\ude42"}"#) == [
                .port: "-1", .jwtIssuer: "a\"\\üü🙂",
            ]
        )
    }

    @Test
    func `A byte order mark and the line ends of Windows are no part of it`() throws {
        #expect(try self.values("\u{FEFF}{\r\n\"port\": 1\r\n}\r\n") == [.port: "1"])
        let file = try TemporaryFile("")
        try #require("{}".data(using: .utf16)).write(to: URL(fileURLWithPath: file.path))
        let error = #expect(throws: ConfigurationError.self) { try ConfigurationFile.values(file.path, origin: .flag) }
        #expect(error?.allowed == "is UTF-16 text; save it as UTF-8")
    }

    @Test(
        arguments: [
            ("{\n  \"prot\": 8080\n}", 2, 3, #""prot" is not an option; did you mean "port"?"#),
            ("{\"favourite-colour\": 1}", 1, 2, #""favourite-colour" is not an option"#),
            ("{\"ü\": 1}", 1, 2, #""ü" is not an option"#),
            ("{\"port\": 1,\r\n \"port\": 2}", 2, 2, #""port" appears twice"#),
            ("{\"port\": 1 \"lease\": \"5s\"}", 1, 12, "expected ',' or '}'"),
            ("{\"port\": 1", 1, 11, "expected ',' or '}'"),
            ("{\"port\": 1,}", 1, 12, "unexpected ',' before '}'"),
            ("{\"port\" 1}", 1, 9, "expected ':' and a value after \"port\""),
            ("{\"port\": }", 1, 10, "\"port\" must be a string in double quotation marks or a whole number"),
            ("{\"port\":", 1, 9, "the file ends before the value of \"port\""),
            ("{\"port\": 1}x", 1, 12, "unexpected text after the object"),
            ("{port: 1}", 1, 2, "expected an option name in double quotation marks"),
            ("{'port': 1}", 1, 2, "JSON uses double quotation marks (\"), not '"),
            ("{\n// the port\n\"port\": 1}", 2, 1, "JSON has no comments"),
            ("{\"jwt-issuer\": \"ü\", \"lease\": \"5s", 1, 30, "this string is not terminated"),
            ("{\"lease\": \"5s\n\"}", 1, 14, "a string must end on the same line, with a double quotation mark"),
            (#"{"swagger-assets": "C:\web"}"#, 1, 20, #"this string has an invalid escape sequence; write a backslash as '\\'"#),
            ("{\"port\": true}", 1, 10, "\"port\" must be a string in double quotation marks or a whole number"),
            ("{\"port\": null}", 1, 10, "\"port\" must be a string in double quotation marks or a whole number"),
            ("{\"port\": 1.5}", 1, 10, "\"port\" must be a string in double quotation marks or a whole number"),
            ("{\"port\": [1]}", 1, 10, "\"port\" must be a string in double quotation marks or a whole number"),
            ("{\"port\": {}}", 1, 10, "\"port\" must be a string in double quotation marks or a whole number"),
            ("{\"insecure\": yes}", 1, 14, "\"insecure\" must be true, false, \"on\" or \"off\""),
        ]
    )
    func `What is wrong is said with its line and column`(contents: String, line: Int, column: Int, says: String) {
        let error = self.error(contents)
        #expect(error?.allowed == says)
        guard case .place(let file, line, column)? = error?.origin else {
            Issue.record("\(error.map { "\($0)" } ?? "no error")")
            return
        }
        #expect(error?.description == "\(file), line \(line), column \(column): \(says)")
    }

    @Test(
        arguments: [
            ("", "the file is empty; expected a JSON object"),
            (" \n# nothing\n", "the file is empty; expected a JSON object"),
            ("port: 8080", "this looks like YAML; expected"), ("# a\n---\nport: 1", "this looks like YAML; expected"),
            ("port = 8080", "this looks like TOML or environment variables; expected"),
            ("VOLARY_PORT=1", "this looks like TOML or environment variables; expected"),
            ("[network]\nport = 1", "this looks like TOML or environment variables; expected"), ("[]", "expected a JSON object"),
            ("1", "expected a JSON object"), ("null", "expected a JSON object"), ("\"port\"", "expected a JSON object"),
        ]
    )
    func `What is no object says what it looks like`(contents: String, says: String) {
        #expect(self.error(contents)?.allowed.hasPrefix(says) == true, "\(self.error(contents)?.allowed ?? "")")
    }

    @Test
    func `A file that cannot be read says why`() {
        for (path, reason) in [("/nowhere/at.all", "there is no such file"), ("/", "is a directory, not a file")] {
            let error = #expect(throws: ConfigurationError.self) {
                try ConfigurationLoader(flags: [:], environment: [:], file: path)
            }
            #expect(error?.description == "--config \"\(path)\": \(reason)")
            let named = #expect(throws: ConfigurationError.self) {
                try ConfigurationLoader(flags: [:], environment: ["VOLARY_CONFIG": path], file: nil)
            }
            #expect(named?.description == "VOLARY_CONFIG \"\(path)\": \(reason)")
        }
    }

    @Test
    func `Random bytes are refused or read, and never end the process`() async {
        var generator = SystemRandomNumberGenerator()
        let pieces = ["{", "}", "\"port\"", ":", ",", "1", "\"", "\\", "\\u", "true", "\n", "\u{FEFF}", "ü", " ", "[", "-"]
        for _ in 0..<500 {
            await Task.yield()
            let text = (0..<Int.random(in: 0...12, using: &generator)).map { _ in pieces.randomElement(using: &generator)! }
                .joined()
            _ = try? self.values(text)
        }
    }
}

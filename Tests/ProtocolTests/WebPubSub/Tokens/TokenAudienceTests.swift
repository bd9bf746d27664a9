import Testing

@testable import VolaryProtocol

@Suite
struct TokenAudienceTests {
    private func opens(_ audience: String, hub: UTF8Text = "chat", _ hosts: UTF8Text...) -> Bool {
        TokenAudience(UTF8Text(audience))?.opens(hub: hub, hosts: hosts) ?? false
    }

    private func opens(_ audience: String, path: UTF8Text, _ hosts: UTF8Text...) -> Bool {
        TokenAudience(UTF8Text(audience))?.opens(path: path, hosts: hosts) ?? false
    }

    // MARK: - Clients

    @Test(arguments: [
        "https://example/client/hubs/chat", "wss://example/client/hubs/chat", "http://example/client/hubs/chat",
        "ws://example/client/hubs/chat", "HTTPS://EXAMPLE/Client/Hubs/CHAT", "https://example/client/hubs/chat/",
        "https://example/client/hubs/chat?x=1", "https://example/client/hubs/chat#x", "https://example/client/hubs/chat/?x#y",
        "https://example:443/client/hubs/chat", "ws://example:80/client/hubs/chat", "https://example/client/hubs/%63hat",
        "https://example/client/?hub=chat", "https://example/client?hub=CHAT", "wss://example/client/?x=1&hub=chat&y",
    ])
    func `A client's token opens the hub that it names`(audience: String) {
        #expect(self.opens(audience, "example"))
        #expect(self.opens(audience, "other", "Example"), "one of several names of the server")
    }

    @Test(arguments: [
        "https://example/client/hubschat", "https://example/client/hubs/chats", "https://example/client/hubs/cha",
        "https://example/client/hubs/chat//", "https://example/client/hubs/chat/x", "https://example/client/hubs/",
        "https://example/client/hubs", "https://other/client/hubs/chat", "https://example.org/client/hubs/chat",
        "https://example:8080/client/hubs/chat", "https://example:80/client/hubs/chat", "ftp://example/client/hubs/chat",
        "//example/client/hubs/chat", "/client/hubs/chat", "https:///client/hubs/chat", "", "chat",
        "https://user@example/client/hubs/chat",
        "https://example/client/?hub=chats", "https://example/client/?xhub=chat", "https://example/client/",
        "https://example/?hub=chat",
        "https://example/client/?x#hub=chat", "https://example/api/hubs/chat/:send", "https://example/client/hubs/%2563hat",
        "https://example/client/hubs/%6",
    ])
    func `A client's token opens no other hub, host or path`(audience: String) {
        #expect(!self.opens(audience, "example"))
        #expect(!self.opens(audience), "a server without a name")
    }

    @Test func `A port of the host counts, unless it is the usual one`() {
        #expect(self.opens("http://example:8080/client/hubs/chat", "example:8080"))
        #expect(!self.opens("http://example/client/hubs/chat", "example:8080"))
        #expect(self.opens("https://example/client/hubs/chat", "example:443"))
        #expect(!self.opens("http://example/client/hubs/chat", "example:443"))
        #expect(self.opens("ws://[::1]:8080/client/hubs/chat", "[::1]:8080"))
    }

    @Test func `A hub with special characters may be written as it is, or percent-encoded`() {
        for audience in ["https://example/client/hubs/a[1],b`", "https://example/client/hubs/a%5B1%5d%2Cb%60"] {
            #expect(self.opens(audience, hub: "a[1],b`", "example"))
        }
    }

    // MARK: - REST

    @Test(
        arguments: [
            ("https://example/api/hubs/chat/users/a%2Fb", "/api/hubs/chat/users/a%2Fb"),
            ("https://example/api/hubs/chat/users/a%2fb", "/api/hubs/chat/users/a%2Fb"),
            ("https://example/api/hubs/chat/users/%C3%A4", "/api/hubs/chat/users/ä"),
            ("https://example/api/hubs/chat/users/ä", "/api/hubs/chat/users/%C3%A4"),
            ("https://example/api/hubs/chat/:send?api-version=2024-12-01&x=/", "/api/hubs/chat/:send"),
            ("https://example/api/hubs/chat/:send/", "/api/hubs/chat/:send"),
            ("https://example/api/hubs/chat/:send", "/api/hubs/chat/:send/"),
            ("wss://EXAMPLE/API/Hubs/Chat/:Send", "/api/hubs/chat/:send"),
        ] as [(String, UTF8Text)]
    )
    func `A token of REST opens the path that it names`(audience: String, path: UTF8Text) {
        #expect(self.opens(audience, path: path, "example"))
    }

    @Test(
        arguments: [
            ("https://example/api/hubs/chats/:send", "/api/hubs/chat/:send"),
            ("https://example/api/hubs/chat", "/api/hubs/chat/:send"),
            ("https://example/api/hubs/chat/connections/c/child", "/api/hubs/chat/connections/c"),
            ("https://other/api/hubs/chat/:send", "/api/hubs/chat/:send"),
            ("https://example:8080/api/hubs/chat/:send", "/api/hubs/chat/:send"),
            ("ftp://example/api/hubs/chat/:send", "/api/hubs/chat/:send"),
            ("https://example/client/hubs/chat", "/api/hubs/chat/:send"),
            ("https://example/api/hubs/chat/users/a%252Fb", "/api/hubs/chat/users/a/b"),
            ("https://example/api/hubs/chat/:send//", "/api/hubs/chat/:send"),
        ] as [(String, UTF8Text)]
    )
    func `A token of REST opens nothing else`(audience: String, path: UTF8Text) {
        #expect(!self.opens(audience, path: path, "example"))
    }

    @Test func `Tokens of REST and of clients do not open each other's paths`() {
        #expect(!self.opens("https://example/api/hubs/chat/:send", hub: "chat", "example"))
        #expect(!self.opens("https://example/client/hubs/chat", path: "/api/hubs/chat/:send", "example"))
    }
}

import Testing

@testable import VolaryBackplane

struct RedisConfigurationTests {
    @Test func `URLs say what they say`() throws {
        let plain = try RedisConfiguration(url: "redis://example.org")
        #expect(plain == RedisConfiguration(host: "example.org"))
        #expect(plain.target == .server(RedisAddress(host: "example.org", port: 6379)))
        #expect((plain.database, plain.tls, plain.username, plain.password) == (0, false, nil, nil))

        let full = try RedisConfiguration(url: "rediss://us%20er:p%40ss%3Aw%2Ford@r-1.example_x:7000/15")
        #expect(
            full
                == RedisConfiguration(
                    host: "r-1.example_x",
                    port: 7000,
                    username: "us er",
                    password: "p@ss:w/ord",
                    database: 15,
                    tls: true
                )
        )
        #expect(try RedisConfiguration(url: "redis://:secret@127.0.0.1:1/").password == "secret")
        #expect(try RedisConfiguration(url: "redis://:secret@127.0.0.1:1/").username == nil)
        #expect(try RedisConfiguration(url: "redis://u:a:b@h").password == "a:b")
        #expect(try RedisConfiguration(url: "redis://u:a@b@h").password == "a@b")
        let six = try RedisConfiguration(url: "redis://[::1]:6380/2")
        #expect(six.target == .server(RedisAddress(host: "::1", port: 6380)))
        #expect(six.database == 2)
    }

    @Test func `Sentinels are named with their master`() throws {
        let full = try RedisConfiguration(url: "redis+sentinel://u:p%2C@a.example:1,[::1]:2,10.0.0.3/my.Master-1_x/4")
        let sentinels = [
            RedisAddress(host: "a.example", port: 1), RedisAddress(host: "::1", port: 2),
            RedisAddress(host: "10.0.0.3", port: 26_379),
        ]
        #expect(full.target == .master(name: "my.Master-1_x", sentinels: sentinels))
        #expect((full.database, full.tls, full.username, full.password) == (4, false, "u", "p,"))
        #expect("\(full)" == "redis+sentinel://a.example:1,[::1]:2,10.0.0.3:26379/my.Master-1_x/4")
        let least = try RedisConfiguration(url: "rediss+sentinel://h/m")
        #expect(least.target == .master(name: "m", sentinels: [RedisAddress(host: "h", port: 26_379)]))
        #expect(least.tls)
        #expect(least.database == 0)
        #expect("\(least)" == "rediss+sentinel://h:26379/m/0")
    }

    @Test(arguments: [
        ("redis+sentinel://", RedisURLError.host), ("redis+sentinel://h", .masterName), ("redis+sentinel://h/", .masterName),
        ("redis+sentinel://h,/m", .host), ("redis+sentinel://,h/m", .host), ("redis+sentinel://h,,i/m", .host),
        ("redis+sentinel://h,h:26379/m", .sentinels), ("redis+sentinel://h:x,i/m", .port),
        ("redis+sentinel://h/m m", .masterName),
        ("redis+sentinel://h/\(String(repeating: "m", count: 65))", .masterName), ("redis+sentinel://h/m/x", .database),
        ("redis+sentinel://h/m/0/1", .trailing), ("redis+sentinel://h?sentinel_password=p", .host),
        ("sentinel://h/m", .scheme),
        ("redis+sentinel://\((0..<17).map { "h\($0)" }.joined(separator: ","))/m", .sentinels), ("redis://h,i/0", .host),
    ])
    func `What names no sentinels is refused`(url: String, error: RedisURLError) {
        #expect(throws: error) { try RedisConfiguration(url: url) }
    }

    @Test func `Sentinels may have credentials of their own`() throws {
        let url = "redis+sentinel://u:p@h/m/2?sentinel_username=s%26u&sentinel_password=p%40%3Dq"
        let both = try RedisConfiguration(url: url)
        #expect((both.username, both.password, both.database) == ("u", "p", 2))
        #expect((both.sentinelUsername, both.sentinelPassword) == ("s&u", "p@=q"))
        #expect("\(both)" == "redis+sentinel://h:26379/m/2")
        let alone = try RedisConfiguration(url: "redis+sentinel://h/m?sentinel_password=p")
        #expect((alone.password, alone.sentinelUsername, alone.sentinelPassword) == (nil, nil, "p"))
        #expect(both.credentials(for: .master)! == ("u", "p"))
        #expect(both.credentials(for: .sentinel(asksForPassword: true))! == ("s&u", "p@=q"))
        #expect(both.credentials(for: .sentinel(asksForPassword: false)) == nil)
        let shared = try RedisConfiguration(url: "redis+sentinel://u:p@h/m")
        #expect(shared.credentials(for: .sentinel(asksForPassword: true))! == ("u", "p"))
    }

    @Test(arguments: [
        "?", "?x", "?sentinel_password=", "?sentinel_username=u", "?sentinel_password=%zz", "?sentinel_password=p&x=y",
        "?sentinel_password=p&sentinel_password=q", "?sentinel_password=hunter2&", "?password=hunter2",
    ])
    func `Parameters of sentinels that are none are refused`(query: String) {
        #expect {
            try RedisConfiguration(url: "redis+sentinel://h/m\(query)")
        } throws: { error in
            error as? RedisURLError == .sentinelCredentials && !"\(error)".contains("hunter2")
        }
    }

    @Test(arguments: [
        ("", RedisURLError.scheme), ("http://h", .scheme), ("redis:/h", .scheme), ("REDIS//h", .scheme), ("redis://", .host),
        ("redis://:6379", .host), ("redis:///0", .host), ("redis://h:", .port), ("redis://h:0", .port),
        ("redis://h:65536", .port), ("redis://h:+1", .port), ("redis://h:1x", .port), ("redis://h/a", .database),
        ("redis://h/-1", .database), ("redis://h/99999", .database), ("redis://h/0/1", .trailing), ("redis://h/0?x=1", .trailing),
        ("redis://h/0#x", .trailing), ("redis://user@h", .credentials), ("redis://user:@h", .credentials),
        ("redis://:%zz@h", .credentials), ("redis://:%2@h", .credentials), ("redis://:%ff@h", .credentials),
        ("redis://[::1", .host), ("redis://[]", .host), ("redis://[::1]x", .host), ("redis://h h", .host),
        ("redis://h\nx", .host),
        ("redis://::1", .host), ("redis://h:99999999999999999999999", .port),
    ])
    func `What is no address is refused`(url: String, error: RedisURLError) {
        #expect(throws: error) { try RedisConfiguration(url: url) }
    }

    @Test func `The password is never shown`() throws {
        let configuration = try RedisConfiguration(url: "redis://somebody:hunter2@h/3")
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in [
            "\(configuration)", String(reflecting: configuration), dumped, "\([configuration])",
            "\(Optional(configuration) as Any)",
        ] {
            #expect(!text.contains("hunter2") && !text.contains("somebody"))
        }
        #expect("\(configuration)" == "redis://h:6379/3")
        #expect("\(try RedisConfiguration(url: "rediss://[::1]"))" == "rediss://[::1]:6379/0")
        for url in ["redis://u:hunter2@h:x", "redis://u:hunter2@", "hunter2://h", "redis://u:hunter2@h/x"] {
            #expect {
                try RedisConfiguration(url: url)
            } throws: { error in
                !"\(error)".contains("hunter2") && !String(reflecting: error).contains("hunter2")
            }
        }
    }
}

import Testing
import Wire

@testable import NodeAgent

private func name(_ text: String) throws -> DNSName { try #require(DNSName(text)) }

@Suite("A hosts file")
struct HostsFileTests {
    @Test("gives all addresses of a name, including aliases and any case, in the order of the file")
    func addresses() throws {
        let hosts = HostsFile("# comment\n127.0.0.1\tlocalhost\n\n10.0.0.1 db01.example DB01 # db01x\r\n::1 localhost\n10.0.0.2 db01\n10.0.0.1 db01")
        #expect(hosts.addresses(of: try name("db01")) == [.v4(0x0a00_0001), .v4(0x0a00_0002)])
        #expect(hosts.addresses(of: try name("localhost")) == [.v4(0x7f00_0001), .v6(high: 0, low: 1)])
        #expect(hosts.addresses(of: try name("db01x")).isEmpty)
    }

    @Test("is read despite malformed lines", arguments: ["", "10.0.0.1", "10.0.0 db", "db 10.0.0.1", "fe80::1%eth0 db", "#10.0.0.1 db", "10.0.0.1 #db"])
    func malformed(text: String) throws { #expect(HostsFile(text).addresses(of: try name("db")).isEmpty) }
}

@Suite("A resolv.conf")
struct ResolvConfTests {
    @Test("names nameservers, search domains and options")
    func reading() throws {
        let configuration = ResolvConf(
            """
            ; by hand
            nameserver 172.20.0.2 # vpc
            nameserver fd00::2
            nameserver x
            domain old
            search a.example b.example
            options ndots:2 timeout:1 attempts:3 rotate
            """)
        #expect(configuration.nameservers == [.v4(0xac14_0002), .v6(high: 0xfd00_0000_0000_0000, low: 2)])
        #expect(configuration.search.map(\.description) == ["a.example", "b.example"])
        #expect(configuration.dotsMin == 2 && configuration.timeout == .seconds(1) && configuration.attempts == 3)
    }

    @Test("without contents means a nameserver on this machine, two attempts of five seconds")
    func empty() {
        let configuration = ResolvConf("")
        #expect(configuration.nameservers == [.v4(0x7f00_0001)])
        #expect(configuration.timeout == .seconds(5) && configuration.attempts == 2 && configuration.dotsMin == 1)
    }

    @Test("keeps glibc's limits")
    func limits() {
        let configuration = ResolvConf(
            String(repeating: "nameserver 10.0.0.1\n", count: 9) + "search " + String(repeating: "a ", count: 99)
                + "\noptions ndots:99 timeout:999 attempts:99 ndots:-1 timeout:")
        #expect(configuration.nameservers.count == 3 && configuration.search.count == 32)
        #expect(configuration.dotsMin == 15 && configuration.timeout == .seconds(30) && configuration.attempts == 5)
    }

    @Test("determines which names to try")
    func candidates() {
        let configuration = ResolvConf("search a.example b.example")
        #expect(configuration.candidates(for: "db").map(\.description) == ["db.a.example", "db.b.example", "db"])
        #expect(configuration.candidates(for: "db.x").map(\.description) == ["db.x", "db.x.a.example", "db.x.b.example"])
        #expect(configuration.candidates(for: "db.").map(\.description) == ["db"])
        #expect(configuration.candidates(for: "no host").isEmpty)
    }
}

@Suite("The account files")
struct AccountFilesTests {
    private let files = AccountFiles(
        passwd: """
            root:x:0:0:root:/root:/bin/sh
            haproxy:x:108:113::/var/lib/haproxy:/usr/sbin/nologin
            broken:x:y:1
            short:x:5
            :x:1:1
            max:x:4294967295:1
            haproxy:x:9:9
            signed:x:+3:1
            """,
        group: """
            root:x:0:
            haproxy:x:113:haproxy
            log:x:4:syslog,haproxy
            ssl:x:120:haproxy,syslog
            log:x:5:
            odd:x
            bare:x:121
            """)

    @Test("contain a user's number, from the first line with the name")
    func user() {
        #expect(files.userIdentifier("haproxy") == 108)
        #expect(files.userIdentifier("root") == 0)
    }

    @Test("ignore malformed lines of users", arguments: ["broken", "short", "", "max", "missing", "signed"])
    func malformed(name: String) { #expect(files.userIdentifier(name) == nil) }

    @Test("contain a group's number")
    func group() {
        #expect(files.groupIdentifier("log") == 4)
        #expect(files.groupIdentifier("bare") == 121)
        #expect(files.groupIdentifier("odd") == nil)
    }
}

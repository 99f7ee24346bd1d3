import LinuxIO
import Proxy
import Support
import Testing
import Wire

@testable import NodeAgent

private let one = IPAddress.v4(0x0a00_0001)
private let six = IPAddress.v6(high: 0x2001_0db8_0000_0000, low: 1)

@Suite("A name at start")
struct NameLookupLocalTests {
    private let lookup = NameLookup(hosts: "10.0.0.1 db01\n2001:db8::1 db01", resolvConf: "nameserver 127.0.0.1\noptions attempts:1 timeout:1", port: 1)

    @Test("that is an address resolves to itself", arguments: ["10.0.0.1", "2001:db8::1"])
    func numeric(text: String) throws { #expect(try lookup.addresses(of: text, preferring: .v4, random: SplitMix64(seed: 1)).map(\.description) == [text]) }

    @Test("comes from the hosts file, the preferred family first")
    func hosts() throws {
        #expect(try lookup.addresses(of: "DB01", preferring: .v4, random: SplitMix64(seed: 1)) == [one, six])
        #expect(try lookup.addresses(of: "db01", preferring: .v6, random: SplitMix64(seed: 1)) == [six, one])
    }

    @Test("that no host can have is an error at once")
    func notAName() {
        #expect(throws: NameLookupError(name: "a b", problem: .notAName)) { try lookup.addresses(of: "a b", preferring: .v4, random: SplitMix64(seed: 1)) }
    }

    @Test("is an error that names the nameservers when none listens")
    func nobodyListens() {
        #expect(throws: NameLookupError(name: "db02", problem: .noAnswer(from: ["127.0.0.1:1"]))) {
            try lookup.addresses(of: "db02", preferring: .v4, random: SplitMix64(seed: 1))
        }
        let usual = NameLookupError(name: "dbserver01", problem: .noSuchName(according: "172.20.0.2"))
        #expect(usual.description == "cannot resolve 'dbserver01': no such name according to 172.20.0.2")
    }

    @Test("is looked up in files that may be missing")
    func missingFiles() throws {
        let lookup = NameLookup(hostsPath: "/nonexistent/hosts", resolvConfPath: "/nonexistent/resolv.conf", port: 1)
        #expect(try lookup.addresses(of: "10.0.0.1", preferring: .v4, random: SplitMix64(seed: 1)) == [one])
    }
}

@Suite("A name at start, with a real nameserver", .serialized, .enabled(if: Dnsmasq.isExpected, "dnsmasq is not installed"))
struct NameLookupTests {
    private let nameserver: Dnsmasq
    private let port: UInt16
    private let address: IPAddress

    init() throws {
        nameserver = try Dnsmasq()
        port = try #require(nameserver.address.port)
        address = try #require(nameserver.address.address)
        try nameserver.start(["db.test,10.0.0.1", "both.test,10.0.0.1,2001:db8::1", "six.test,2001:db8::1"])
        let end = MonotonicClock.now().advanced(by: .seconds(10))
        while MonotonicClock.now() < end, (try? lookup().addresses(of: "db.test", preferring: .v4, random: SplitMix64(seed: 1))) == nil {}
    }

    private func lookup(_ more: String = "") -> NameLookup {
        NameLookup(hosts: "", resolvConf: "nameserver \(address)\noptions timeout:1 attempts:2\n\(more)", port: port)
    }

    @Test("has the addresses of the preferred family, or of the other one")
    func families() throws {
        #expect(try lookup().addresses(of: "db.test", preferring: .v4, random: SplitMix64(seed: 1)) == [one])
        #expect(try lookup().addresses(of: "db.test", preferring: .v6, random: SplitMix64(seed: 1)) == [one])
        #expect(try lookup().addresses(of: "six.test", preferring: .v4, random: SplitMix64(seed: 1)) == [six])
        #expect(try lookup().addresses(of: "both.test", preferring: .v6, random: SplitMix64(seed: 1)).first == six)
    }

    @Test("is completed by the search domains")
    func search() throws {
        #expect(try lookup("search none.test test").addresses(of: "db", preferring: .v4, random: SplitMix64(seed: 1)) == [one])
        #expect(throws: NameLookupError.self) { try lookup("search test").addresses(of: "db.", preferring: .v4, random: SplitMix64(seed: 1)) }
    }

    @Test("that does not exist is an error that names the nameserver")
    func noSuchName() throws {
        let expected = NameLookupError(name: "nope.test", problem: .noSuchName(according: "\(address):\(port)"))
        #expect(throws: expected) { try lookup().addresses(of: "nope.test", preferring: .v4, random: SplitMix64(seed: 1)) }
        #expect(throws: expected) { try lookup("search test").addresses(of: "nope.test", preferring: .v4, random: SplitMix64(seed: 1)) }
    }

    @Test("that one nameserver denies does not wait long for a dead one")
    func denial() throws {
        let lookup = NameLookup(hosts: "", resolvConf: "nameserver 127.0.0.1\nnameserver \(address)\noptions timeout:30", port: port)
        #expect(throws: NameLookupError(name: "nope.test", problem: .noSuchName(according: "\(address):\(port)"))) {
            try lookup.addresses(of: "nope.test", preferring: .v4, random: SplitMix64(seed: 1))
        }
    }

    @Test("is found beside a dead nameserver, and given up in time when all are silent")
    func silence() throws {
        let dead = NameLookup(hosts: "", resolvConf: "nameserver 127.0.0.1\nnameserver \(address)\noptions timeout:1", port: port)
        #expect(try dead.addresses(of: "db.test", preferring: .v4, random: SplitMix64(seed: 1)) == [one])
        nameserver.pause()
        #expect(throws: NameLookupError(name: "db.test", problem: .noAnswer(from: ["\(address):\(port)"]))) {
            try lookup().addresses(of: "db.test", preferring: .v4, random: SplitMix64(seed: 1))
        }
        nameserver.resume()
    }
}

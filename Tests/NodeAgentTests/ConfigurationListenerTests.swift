import Testing

@testable import NodeAgent

@Suite("Listeners of a configuration")
struct ConfigurationListenerTests {
    private static let listen = """
            timeout connect 1s
            timeout client 1s
            timeout server 1s
            server one 10.0.0.1:3306

        """

    private static func said(_ text: String) -> [String] { Configuration.read(text).diagnostics.map { "\($0.severity.rawValue) \($0.description)" } }

    @Test("of two proxies may share an address, as in HAProxy, with a warning; a single thread refuses it")
    func sharedAddress() {
        let proxies = "listen a\n bind 127.0.0.1:3306\n\(Self.listen)listen b\n bind 127.0.0.1:3306\n\(Self.listen)"
        #expect(
            Self.said(proxies) == [
                "WARNING t.cfg:8: duplicate listener on '127.0.0.1:3306' in section 'listen b'; the kernel splits connections between this listener and t.cfg:2: remove one of them"
            ])
        #expect(
            Self.said("global\n nbthread 1\n" + proxies) == [
                "ALERT t.cfg:10: duplicate listener on '127.0.0.1:3306' in section 'listen b'; the first is at t.cfg:4: write another address"
            ])
    }

    @Test("cannot reuse the address of a probe, a path or a runtime socket")
    func lonelyAddresses() {
        let proxy = "listen a\n bind :3306\n bind unix@/run/a\n\(Self.listen)"
        let advice = "write another address"
        #expect(
            Self.said(proxy + "probe p\n bind :3306\n require a 1\n") == [
                "ALERT t.cfg:9: duplicate listener on '0.0.0.0:3306' in section 'probe p'; the first is at t.cfg:2: \(advice)"
            ])
        #expect(
            Self.said(proxy + "global\n stats socket /run/a\n") == [
                "ALERT t.cfg:3: duplicate listener on '/run/a' in section 'listen a'; the first is at t.cfg:9: \(advice)"
            ])
    }

    @Test("are equal only if their addresses are, whatever their texts")
    func equalTexts() {
        func isTwice(_ first: String, _ second: String) -> Bool {
            Self.said("listen a\n bind \(first)\n\(Self.listen)global\n stats socket \(second)\n").contains { $0.contains("duplicate listener") }
        }
        // A relative path may look like another form.
        let different = [
            ("abns@x", "unix@abns@x"), ("fd@3", "unix@fd@3"), ("10.0.0.1:1", "unix@10.0.0.1:1"), ("ipv4@db:1", "ipv6@db:1"), ("db:1", "ipv6@db:1"),
        ]
        for (first, second) in different { #expect(!isTwice(first, second), "\(first) \(second)") }
        let equal = [("abns@x", "abns@x"), ("/run/x", "unix@/run/x"), ("ipv6@::1:1", "[::1]:1"), ("db:1", "ipv4@db:1"), ("ipv6@db:1", "tcp6@db:1")]
        for (first, second) in equal { #expect(isTwice(first, second), "\(first) \(second)") }
        #expect(!isTwice("10.0.0.1:1 interface lo", "10.0.0.1:1"))
        #expect(!isTwice("10.0.0.1:1 namespace blue", "10.0.0.1:1") && !isTwice("10.0.0.1:1 namespace blue", "10.0.0.1:1 namespace green"))
        #expect(isTwice("10.0.0.1:1 namespace blue", "10.0.0.1:1 namespace blue"))
    }

    @Test("may have the same address as a disabled proxy")
    func disabledProxy() {
        #expect(Self.said("listen a\n bind :3306\n\(Self.listen)listen b\n disabled\n bind :3306\n\(Self.listen)").isEmpty)
    }

    @Test("of a probe cause warnings if the probe requires nothing, or if its drain lacks a unit")
    func carelessProbe() {
        let proxy = "listen a\n bind :3306\n\(Self.listen)"
        #expect(
            Self.said(proxy + "probe p\n bind :3307\n drain 30\n") == [
                "WARNING t.cfg:9: 'drain 30' is less than a second in section 'probe p'; a number without a unit is in milliseconds: write '30s'",
                "WARNING t.cfg:7: missing 'require' in section 'probe p'; it passes even when no server is usable: write 'require a 1'",
            ])
        for drain in ["0", "1s", "1000"] { #expect(Self.said(proxy + "probe p\n bind :3307\n require a 1\n drain \(drain)\n").isEmpty, "\(drain)") }
    }

    @Test("need a path that differs from the master's socket")
    func masterSocket() throws {
        let global = Configuration.read("global\n stats socket /run/a level admin\n").configuration.global
        try MasterSocket("/run/b,level,operator").check(beside: global)
        #expect(
            throws: StartError("-S /run/a,mode,600: the worker has this socket as well, at t.cfg:2: write another path after '-S'")
        ) {
            try MasterSocket("/run/a,mode,600").check(beside: global)
        }
        #expect(throws: StartError.self) { try MasterSocket("/run/a,made,600") }
        let named = Configuration.read("global\n stats socket ipv6@db:1\n").configuration.global
        try MasterSocket("ipv4@db:1").check(beside: named)
        #expect(throws: StartError.self) { try MasterSocket("ipv6@db:1").check(beside: named) }
    }
}

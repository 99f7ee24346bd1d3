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
    }
}

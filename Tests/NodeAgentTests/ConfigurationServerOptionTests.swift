import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("Options of servers for names and headers")
struct ConfigurationServerOptionTests {
    private static func server(_ options: String) -> (server: Server?, alerts: [String]) {
        let (configuration, diagnostics) = Configuration.read("backend b\n server s 10.0.0.1:1 check \(options)\n")
        return (configuration.backends.first?.servers.first, Configuration.alerts(diagnostics))
    }

    @Test("'resolve-net' has up to five networks, whose last bits do not count")
    func networks() {
        #expect(Self.server("resolve-net 10.1.2.3/8,fd00::1/16").server?.preference.networks.map(\.description) == ["10.0.0.0/8", "fd00::/16"])
        for bad in ["x", "10.0.0.0/33", "10.0.0.0/8,", "", "1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5,1.1.1.6"] {
            #expect(Self.server("resolve-net \"\(bad)\"").alerts.count == 1, "\(bad)")
        }
    }

    @Test("an empty item of a list is reported with the whole list", arguments: ["allow-dup-ip,", ",ignore-weight", "allow-dup-ip,,ignore-weight"])
    func emptyItem(list: String) {
        let text = "t.cfg:2: invalid value '\(list)' for 'resolve-opts' in section 'backend b'; write names separated by commas, without an empty name"
        #expect(Self.server("resolve-opts \(list)").alerts == [text])
    }

    @Test("'resolve-opts' is a list; the last of contradicting ones counts")
    func resolveOptions() {
        #expect(Self.server("").server?.resolveOptions == ResolveOptions())
        let both = Self.server("resolve-opts allow-dup-ip,ignore-weight").server?.resolveOptions
        #expect(both?.sharing == .allowed && both?.ignoresWeight == true)
        #expect(Self.server("resolve-opts allow-dup-ip,prevent-dup-ip").server?.resolveOptions.sharing == .prevented)
        let alerts = Self.server("resolve-opts allow-dup").alerts
        #expect(alerts == ["t.cfg:2: unknown word 'allow-dup' after 'resolve-opts' in section 'backend b'; did you mean 'allow-dup-ip'?"])
    }

    @Test("'proxy-v2-options' adds up; checks send only the checksum; what needs TLS is refused by name")
    func headerOptions() {
        let server = Self.server("send-proxy-v2 proxy-v2-options crc32c,authority proxy-v2-options unique-id").server
        #expect(server?.proxyHeader == .binary([.checksum, .authority, .uniqueID]))
        #expect(server?.check?.proxyHeader == .binary(.checksum))
        // The same for checks elsewhere, where only a connect with its own 'send-proxy' sends a header.
        let forced: [(String, ProxyHeaderForm)] = [
            ("", .text), ("send-proxy", .text), ("send-proxy-v2 proxy-v2-options unique-id,crc32c", .binary(.checksum)),
        ]
        for (options, form) in forced {
            let elsewhere = Self.server("port 1 \(options)").server?.check
            #expect(elsewhere?.proxyHeader == nil && elsewhere?.forcedProxyHeader == form, "\(options)")
        }
        for option in ["ssl", "cert-cn", "cert-key", "cert-sig", "ssl-cipher"] {
            let alerts = Self.server("send-proxy-v2 proxy-v2-options crc32c,\(option)").alerts
            #expect(
                alerts == [
                    "t.cfg:2: TLS keyword 'proxy-v2-options \(option)' in section 'backend b'; "
                        + "tsukada does not support TLS: keep HAProxy for the proxies that need it"
                ])
        }
        #expect(Self.server("send-proxy-v2 proxy-v2-options crc").alerts.count == 1)
    }

    @Test("'set-proxy-v2-tlv-fmt' takes a type and a constant, several times")
    func extensions() {
        let server = Self.server("send-proxy-v2 set-proxy-v2-tlv-fmt(0xE0) %[str(acme)]-100%% set-proxy-v2-tlv-fmt(0x1) x weight 5").server
        #expect(server?.proxyHeaderValues == ProxyHeader.encoded(0xe0, Array("acme-100%".utf8)) + ProxyHeader.encoded(1, Array("x".utf8)))
        #expect(server?.weight == 5)
        for bad in ["(e0) x", "(0x100) x", "(0x) x", "() x", "(0xe0 x", " x", "(0xe0)", "(0xe0) " + String(repeating: "x", count: 1_100)] {
            #expect(Self.server("set-proxy-v2-tlv-fmt\(bad)").alerts.count == 1, "\(bad)")
        }
        let dynamic = Self.server("set-proxy-v2-tlv-fmt(0xe0) %[fc_pp_tlv(0x20)]").alerts
        #expect(dynamic.count == 1)
        #expect(dynamic.allSatisfy { $0.contains("'set-proxy-v2-tlv-fmt ... %[fc_pp_tlv(0x20)]'") && $0.contains("keep HAProxy for this proxy") })
    }

    @Test("that take no parentheses do not accept any", arguments: ["weight(3) 3", "check(1)", "resolve-net(1) 10.0.0.0/8"])
    func parentheses(option: String) { #expect(Self.server(option).alerts.count == 1) }

    @Test(
        "have constant texts",
        arguments: [
            ("", ""), ("abc", "abc"), ("100%%", "100%"), ("%[str(a b)]c", "a bc"), ("%[int(5)]", "5"), ("%%%[str()]x", "%x"), ("%", nil), ("%ci", nil),
            ("%[int(x)]", nil), ("%[src]", nil), ("%[str(a),upper]", nil), ("%[str(a)", nil), ("a%[", nil),
            ("%[str('a b')]c", "a bc"), ("%[str(a\\,b)]", "a,b"), ("%[int(+5)]%[int(007)]", "57"),
        ] as [(String, String?)])
    func constants(format: String, text: String?) {
        #expect((try? CheckFormat(format, in: .tcp))?.constant.map { String(decoding: $0, as: UTF8.self) } == text)
    }

    @Test("and nameservers have HAProxy's prefixes")
    func nameservers() throws {
        let words = ["a tcp@10.0.0.2:53", "b udp4@10.0.0.3:53", "c tcp6@[fd00::2]:53", "d ipv4@10.0.0.4:53"]
        let (configuration, diagnostics) = Configuration.read("resolvers r\n" + words.map { " nameserver \($0)\n" }.joined())
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        let nameservers = try #require(configuration.resolvers.first?.nameservers)
        #expect(nameservers.map(\.transport) == [.tcp, .udp, .tcp, .udp])
        #expect(nameservers.map(\.address.description) == ["10.0.0.2:53", "10.0.0.3:53", "[fd00::2]:53", "10.0.0.4:53"])
        for bad in ["tcp6@10.0.0.2:53", "udp4@[fd00::2]:53", "tcp@10.0.0.2", "tcp@ns.internal:53", "tcp@:53", "quic@10.0.0.2:53"] {
            #expect(Configuration.alerts(Configuration.read("resolvers r\n nameserver a \(bad)\n").diagnostics).count == 1, "\(bad)")
        }
        let stale = Configuration.read("resolvers r\n nameserver a 10.0.0.2:53\n hold stale 5s\n").diagnostics
        #expect(stale.count == 1 && stale[0].severity == .alert, "HAProxy refuses it as well")
    }
}

import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("The PROXY protocol's keywords")
struct ConfigurationProxyProtocolTests {
    private static let networks = [IPNetwork("10.0.1.0/24"), IPNetwork("fd00::/8")].compactMap { $0 }
    private static let binds: [(options: String, rule: ProxyHeaderRule?)] = [
        ("", ProxyHeaderRule.none), ("accept-proxy", .required), ("accept-proxy name web", .required),
        ("accept-proxy optional from 10.0.1.0/24,fd00::/8", .optional(from: networks)),
        ("accept-proxy optional from 10.0.1.0/24 name web", .optional(from: [networks[0]])),
        ("accept-proxy optional", nil), ("accept-proxy optional from", nil), ("accept-proxy optional for 10.0.1.0/24", nil),
        ("accept-proxy optional from 10.0.1.1/24", nil), ("accept-proxy optional from 10.0.1.0/24,", nil), ("accept-proxy from 10.0.1.0/24", nil),
        ("accept-proxy optional from " + (0..<65).map { "10.0.0.\($0)" }.joined(separator: ","), nil),
    ]

    @Test("define whether a listener's clients send a header", arguments: binds)
    func readsBind(options: String, rule: ProxyHeaderRule?) {
        let (configuration, diagnostics) = Configuration.read("frontend a\n timeout client 1s\n bind :1-2 \(options)\n")
        #expect(diagnostics.contains { $0.severity == .alert } == (rule == nil), "\(diagnostics)")
        if let rule { #expect(configuration.frontends.first?.binds.map(\.proxyHeader) == [rule, rule]) }
    }

    private static let servers: [(options: String, sessions: ProxyHeaderForm?, checks: ProxyHeaderForm?)] = [
        ("", nil, nil), ("send-proxy", .text, .text), ("send-proxy-v2", .binary([]), .binary([])),
        ("send-proxy-v2 send-proxy", .binary([]), .binary([])),
        ("send-proxy-v2 proxy-v2-options crc32c", .binary(.checksum), .binary(.checksum)),
        ("proxy-v2-options crc32c", nil, nil), ("send-proxy no-send-proxy", nil, nil), ("send-proxy-v2 send-proxy no-send-proxy-v2", .text, .text),
        ("send-proxy port 1", .text, nil), ("send-proxy addr 1.2.3.5", .text, nil), ("send-proxy port 1 check-send-proxy", .text, .text),
        ("send-proxy-v2 port 1 check-send-proxy", .binary([]), .binary([])), ("check-send-proxy", nil, .text),
        ("check-send-proxy no-check-send-proxy", nil, nil),
    ]

    @Test("define the header that sessions and checks send to a server", arguments: servers)
    func readsServer(options: String, sessions: ProxyHeaderForm?, checks: ProxyHeaderForm?) throws {
        for text in ["server s 1.2.3.4:1 check \(options)", "default-server weight 1 \(options)\n server s 1.2.3.4:1 check"] {
            let (configuration, diagnostics) = Configuration.read("backend a\n \(text)\n")
            #expect(Configuration.alerts(diagnostics) == [])
            let server = try #require(configuration.backends.first?.servers.first)
            #expect(server.proxyHeader == sessions)
            #expect(server.check?.proxyHeader == checks)
        }
    }

    @Test("accept no other options of version 2, and no TLS options", arguments: ["proxy-v2-options ssl", "proxy-v2-options crc32c,ssl", "send-proxy-v2-ssl"])
    func refusesOthers(options: String) {
        #expect(Configuration.read("backend a\n server s 1.2.3.4:1 \(options)\n").diagnostics.contains { $0.severity == .alert })
    }
}

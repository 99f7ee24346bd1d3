import Gossip
import Proxy
import Testing
import Wire

@testable import NodeAgent

@Suite("A section 'gossip'")
struct ConfigurationGossipTests {
    private func read(_ lines: String) -> (section: ClusterSettings?, diagnostics: [Diagnostic]) {
        let (configuration, diagnostics) = Configuration.read("gossip shop\n\(lines)")
        return (configuration.gossip, diagnostics)
    }

    private static let nodes = " node a 10.0.1.10:7946\n node b 10.0.1.11:7946\n key-file /k\n"

    @Test("may be missing")
    func isOptional() { #expect(Configuration.read("listen a\n").configuration.gossip == nil) }

    @Test("needs three lines; everything else has a default")
    func defaults() throws {
        let (found, diagnostics) = read(Self.nodes)
        #expect(diagnostics.isEmpty, "\(diagnostics)")
        let section = try #require(found)
        #expect(section.name == "shop" && section.keyFile == "/k" && section.bind == nil && section.stateDirectory == nil)
        #expect(section.nodes.map(\.name) == ["a", "b"])
        #expect(section.nodes.map(\.endpoint) == [.ip(.v4(0x0a00_010a), port: 7_946), .ip(.v4(0x0a00_010b), port: 7_946)])
        #expect(section.nodes.map(\.location.line) == [2, 3])
        #expect(section.policy == .fastDown && section.minUp == 1 && section.adminScope == .node)
        #expect(section.probeInterval == .milliseconds(180) && section.deadAfter == .seconds(1))
    }

    @Test("accepts a name as this node's address; any address is allowed, since keys are required")
    func namedBind() throws {
        let (found, diagnostics) = read(Self.nodes + " bind own.internal:7947\n")
        #expect(diagnostics.isEmpty && found?.bind == .name("own.internal", port: 7_947))
        let loopback = " node a 127.0.0.1:7946\n node b 127.0.0.2:7946\n bind own.internal:7947\n"
        #expect(!read(loopback).1.isEmpty)
    }

    @Test("takes every keyword")
    func everyKeyword() throws {
        let section = try #require(try Configuration.read(fixtures: ["every-keyword.cfg"]).configuration.gossip)
        #expect(section.bind == .ip(.anyV4, port: 7_946) && section.stateDirectory == "/var/lib/tsukada")
        #expect(section.policy == .anyDown && section.minUp == 2 && section.adminScope == .cluster)
        #expect(section.probeInterval == .milliseconds(500) && section.deadAfter == .seconds(3))
        #expect(section.nodes[1].endpoint == .name("tsukada02.internal", port: 7_946))
        #expect(section.nodes[2].endpoint == .ip(.v4(0x0a00_010c), port: 7_946))
    }

    @Test(
        "needs no key while only this machine can reach it",
        arguments: [
            ("127.0.0.1:1", "127.9.9.9:1", "", true), ("[::1]:1", "[::1]:2", "", true), ("127.0.0.1:1", "127.0.0.2:1", " bind 127.0.0.3:1\n", true),
            ("127.0.0.1:1", "128.0.0.1:1", "", false), ("127.0.0.1:1", "localhost:1", "", false), ("127.0.0.1:1", "127.0.0.2:1", " bind *:1\n", false),
            ("[::1]:1", "[::2]:1", "", false), ("[::1]:1", "[1::1]:1", "", false),
        ])
    func loopbackNeedsNoKey(first: String, second: String, bind: String, isFine: Bool) {
        let (_, diagnostics) = read(" node a \(first)\n node b \(second)\n\(bind)")
        #expect(diagnostics.isEmpty == isFine, "\(diagnostics)")
        #expect(diagnostics.allSatisfy { $0.problem.what == "missing 'key-file'" }, "\(diagnostics)")
    }

    @Test(
        "accepts values up to its limits, and none beyond them",
        arguments: [
            ("probe-interval 50ms", true), ("probe-interval 49ms", false), ("probe-interval 5s\n dead-after 15s", true),
            ("probe-interval 5001ms\n dead-after 60s", false), ("dead-after 540ms", true), ("dead-after 539ms", false), ("dead-after 60s", true),
            ("dead-after 61s", false), ("dead-after 0", false), ("min-up 0", true), ("min-up 4096", true), ("min-up 4097", false),
            ("policy any-down\n min-up 1", true), ("min-up 0\n policy any-down", false), ("policy own\n min-up 0", true), ("key-file \"\"", false),
            ("bind 10.0.0.1:0", false), ("bind 10.0.0.1", false), ("node c/d 10.0.0.1:1", false), ("node c 10.0.0.1:65536", false),
            ("node c :1", false), ("node c /run/x", false), ("node c fd@3", false), ("bind unix@/run/x", false),
        ])
    func limits(line: String, isFine: Bool) {
        let (_, diagnostics) = read(Self.nodes + " \(line)\n")
        #expect(Configuration.alerts(diagnostics).isEmpty == isFine, "\(diagnostics)")
    }

    @Test("has at most 16 nodes")
    func nodesMax() {
        let lines = (1...GossipLimits.nodesMax).map { " node n\($0) 127.0.0.\($0):1\n" }.joined()
        #expect(read(lines).diagnostics.isEmpty)
    }

    @Test("identifies this node, or lists the nodes that it has")
    func ownNode() throws {
        let section = try #require(read(Self.nodes.replacing(" b ", with: " tsukada02 ")).section)
        #expect(try section.node(named: "a").endpoint == .ip(.v4(0x0a00_010a), port: 7_946))
        #expect {
            try section.node(named: "tsukada2")
        } throws: { error in
            "\(error)"
                == "t.cfg:1: no line 'node tsukada2' for this node in section 'gossip shop'; did you mean 'tsukada02'? Start with '-L NAME', or write 'node NAME' in 'global', with one of a, tsukada02"
        }
        #expect {
            try section.node(named: "somewhere")
        } throws: { error in
            "\(error)"
                == "t.cfg:1: no line 'node somewhere' for this node in section 'gossip shop'; start with '-L NAME', or write 'node NAME' in 'global', with one of a, tsukada02"
        }
    }
}

import Proxy
import Testing

@testable import NodeAgent

@Suite("All messages about a configuration")
struct DiagnosticSummaryTests {
    private func alerts(_ text: String) -> [String] { Configuration.alerts(Configuration.read(text).diagnostics) }

    @Test("contain one error for a section that cannot run here, which names all causes")
    func combinesSection() throws {
        let text = """
            frontend x
                bind :1
                acl a src 10.0.0.0/8
                tcp-request connection reject if a
                acl b src 10.0.0.1
                use_backend z if b
                bind :2 ssl crt y
            backend z
                acl c src 10.0.0.0/8

            """
        let diagnostics = Configuration.read(text).diagnostics.filter { $0.severity == .alert }
        #expect(
            diagnostics.map(\.description) == [
                "t.cfg:3: section 'frontend x' cannot run here: acl (lines 3, 5), tcp-request (line 4), use_backend ... if (line 6), "
                    + "ssl (line 7); keep HAProxy for this proxy",
                "t.cfg:9: unsupported 'acl' in section 'backend z'; keep HAProxy for this proxy, since the keyword decides which sessions are served, and how",
            ])
        #expect(diagnostics.first?.excerpt?.rendered.source == "    acl a src 10.0.0.0/8" && diagnostics.first?.excerpt?.rendered.carets == "    ^^^")
    }

    @Test("contain 'mode http' of another section among the causes")
    func combinesInheritedMode() {
        let text = "defaults\n mode http\nlisten web\n bind :1\n acl a src 1.2.3.4\n filter x\n"
        let what = "section 'listen web' cannot run here: acl (line 5), filter (line 6), mode http (line 3)"
        #expect(alerts(text) == ["t.cfg:5: \(what); keep HAProxy for this proxy"])
    }

    @Test("name the part of the file to keep HAProxy for", arguments: [("global", "this file"), ("defaults", "the proxies that inherit it")])
    func namesExtent(section: String, extent: String) {
        let line = section == "global" ? " lua-load x\n lua-load-per-thread y\n" : " acl a src 1.2.3.4\n filter x\n"
        #expect(alerts("\(section)\n\(line)").first?.hasSuffix("; keep HAProxy for \(extent)") == true)
    }

    @Test("name a limited number of keywords and lines")
    func limitsCauses() throws {
        let lines = String(repeating: " acl a src 10.0.0.0/8\n", count: 3_000)
        let many = try #require(alerts("listen x\n bind :1\n tcp-request content accept\n\(lines)").first)
        #expect(many.contains("acl (lines 4, 5, 6, 7 and 2996 more)"))
        let words = (0..<20).map { "k\($0)" }
        let problem = ConfigurationProblem.refusedSection(
            "listen x", words.map { RefusedKeyword(name: $0, locations: [ConfigurationLocation(file: "a", line: 1)]) }, extent: "this proxy")
        #expect(problem.what.hasSuffix("k11 (line 1) and 8 more keywords"))
        let other = RefusedKeyword(name: "a", locations: [ConfigurationLocation(file: "a", line: 1), ConfigurationLocation(file: "b", line: 2)])
        #expect(other.text(in: "a") == "a (lines 1, b:2)")
    }

    @Test("keep an error with advice for each keyword where all of them can be replaced")
    func keepsReplaceable() {
        let all = alerts("listen x\n bind :1\n log-format x\n email-alert level err\n")
        #expect(all.count == 2 && all.allSatisfy { !$0.contains("cannot run here") }, "\(all)")
    }

    @Test("contain other mistakes in a section that cannot run here")
    func keepsMistakes() {
        let all = alerts("listen x\n acl a src 1.2.3.4\n blance source\n filter x\n clitimeout 5\n")
        #expect(all.map { $0.prefix { $0 != " " } } == ["t.cfg:2:", "t.cfg:3:", "t.cfg:5:"], "\(all)")
    }

    /// Each with one error, and lines that would cause others.
    static let followers: [(text: String, line: Int)] = [
        ("frontend f\n bind :1\n timeout client 1s\n default_backend b\nbakend b\n server s 1.2.3.4:1\n timeout connect 1s\n", 5),
        ("frontend f\n bind :1\n timeout client 1s\n default_backend b\nbackend b x\n server s 1.2.3.4:1\n", 5),
        ("backend b from d\n server s 1.2.3.4:1\nfrontend f from d\n bind :1\n default_backend b\n", 1),
        ("backend a\n server s 1.2.3.4:1\nlistne b\n bind :1\n server s 1.2.3.4:1\n blance source\n", 3),
        ("gloabl\n daemon\n maxconn 5\n user x\n", 1),
        ("resolvers r\n nameserver n 1.2.3.4\n", 2),
        ("cache c\n total-max-size 4\nbackend b\n server s db:1 resolvers c\n", 1),
        ("backend b\n server s 1.2.3.4:1\nprobe p\n bind :1\n require b 1 x\n", 5),
        ("probe p\n bind :1\n require b 3\nbackend b\n server s 1.2.3.4:1 chek\n server t 1.2.3.4:1\n server u 1.2.3.4:1\n", 5),
    ]

    @Test("do not contain errors and warnings that follow from another error", arguments: followers)
    func suppressesFollowers(text: String, line: Int) {
        let diagnostics = Configuration.read(text).diagnostics
        let alerts = diagnostics.filter { $0.severity == .alert }
        // The second proxy with an unknown 'defaults' section repeats the cause.
        #expect(Set(alerts.map(\.location.line)).subtracting(text.contains("from d") ? [3] : []) == [line], "\(diagnostics)")
        #expect(!diagnostics.contains { if case .missingLine(of: "nameserver", _) = $0.problem { true } else { false } })
    }

    @Test("contain an unknown name, if no other line can have meant it")
    func keepsUnknownNames() {
        #expect(alerts("listen f\n bind :1\n blance x\n default_backend b\n").map { $0.prefix { $0 != " " } } == ["t.cfg:3:", "t.cfg:4:"])
    }
}

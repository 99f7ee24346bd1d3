import Proxy
import Testing

@testable import NodeAgent

@Suite("Advice on unsupported keywords")
struct ConfigurationForeignAdviceTests {
    /// Parts of keyword names that decide which server is usable, which server a session gets, or which clients are admitted.
    static let deciding = [
        "check", "agent", "track", "init-state", "acl", "tcp-request", "tcp-response", "filter", "rate-limit", "sessrate", "connrate", "stick", "persist",
        "cookie", "hash", "balance first", "balance sticky", "balance rdp", "use-server", "use_backend", "transparent", "source", "usesrc", "socks4",
        "interface",
        "namespace", "md5sig", "allbackups", "unpublished", "minconn", "maxqueue", "resolve-net", "resolve-opts", "reject", "unix-bind", "switch", "http-",
        "redir", "deny", "block", "tarpit", "allow", "verify", "ca-file", "ssl", "crt", "alpn", "lua", "dns-accept-family", "monitor fail", "appsession",
        "stats",
    ]
    /// Names that contain one of these parts but decide nothing: they only set times, counters or logs, or undo a setting that is refused anyway.
    static let harmless: Set<String> = [
        "spread-checks", "max-spread-checks", "stats bind-process", "stats calculate-max-counters", "stats-file", "shm-stats-file",
        "shm-stats-file-max-objects", "no-verifyhost", "no-check-reuse-pool", "no-send-proxy-v2-ssl",
        "no-send-proxy-v2-ssl-cn", "option http-tunnel", "resolve_pool_purge_delay", "maxsslrate", "maxsslconn", "timeout client-hs", "socket-stats",
        "option socket-stats", "option contstats", "h1-accept-payload-with-any-method", "http-err-codes", "http-fail-codes", "51degrees-allow-unmatched",
        "deviceatlas-cookie-name", "deviceatlas-properties-cookie", "httpclient.ssl.ca-file", "httpclient.ssl.verify", "warn-blocked-traffic-after",
        "send-proxy-v2-ssl", "send-proxy-v2-ssl-cn",
    ]
    /// The accepted wordings for keywords that decide: keep HAProxy, HAProxy ignores the line itself, the line belongs elsewhere, or a path in place of an address
    /// admits fewer clients.
    static func isSafe(_ advice: String) -> Bool {
        if advice.contains("write a path in place of the address") || advice.contains("move it to the proxies that need it") { return true }
        return advice.contains("keep HAProxy for") && (!mayLeaveOut(advice) || advice.contains("in 'mode tcp' HAProxy ignore"))
    }

    /// True for advice that leaves the keyword out, or replaces it.
    static func mayLeaveOut(_ advice: String) -> Bool { ["remove", "leave", "write", "let ", "use "].contains { advice.contains($0) } }

    /// Every refused name, with each of its places.
    static func refused() throws -> [(name: String, place: String, problem: ConfigurationProblem)] {
        var names = Set(Configuration.places.flatMap { $0.foreignKeywords.flatMap(\.names) })
        names.formUnion(try KeywordManual.list().map(\.keyword.name))
        return names.sorted().flatMap { name in
            Configuration.places.compactMap { place in place.problem(withForeign: name).map { (name, place.name, $0) } }
        }
    }

    @Test("never leaves out a check, a condition, a filter or persistence")
    func leavesNothingOut() throws {
        let refused = try Self.refused()
        #expect(refused.count > 600)
        for (name, place, problem) in refused where Self.deciding.contains(where: name.contains) && !Self.harmless.contains(name) {
            switch problem {
            // HAProxy ignores it in `mode tcp`, or nothing in tsukada uses it.
            case .noEffect, .ignored: continue
            default: break
            }
            #expect(Self.isSafe(problem.advice), "\(name) in \(place): \(problem.advice)")
        }
    }

    @Test(
        "never replaces one way to choose servers with another",
        arguments: ["uri", "url_param", "hdr(host)", "hash", "rdp-cookie", "sticky", "log-hash"])
    func keepsBalance(word: String) throws {
        let problem = try #require(BalanceKeywords.problem(withForeign: word))
        #expect(Self.isSafe(problem.advice), "\(problem.advice)")
    }

    /// Sections whose lines all decide something.
    static let sections: [(text: String, lines: [Int])] = [
        // All traffic would go to the emergency pool.
        ("frontend a\n acl dead nbsrv(b) lt 1\n use_backend emergency if dead\nbackend emergency\n", [2, 3]),
        ("frontend a\n use_backend emergency unless { nbsrv(b) gt 0 }\nbackend emergency\n", [2]),
        ("frontend a\n tcp-request connection reject if { src 10.0.0.0/8 }\n rate-limit sessions 5\n", [2, 3]),
        ("backend a\n option persist\n persist rdp-cookie\n stick-table type ip size 1k\n stick on src\n balance sticky\n", [3, 4, 5, 6]),
        // A statistics page.
        ("listen stats\n bind :1\n mode http\n stats enable\n stats uri /\n", [3]),
        ("defaults\n mode http\nlisten stats\n bind :1\n stats enable\n", [3]),
        ("listen a\n bind sockpair@3\n server s :1 namespace *\n bind :2 ssl crt x verify required\n mode log\n", [2, 3, 4, 5]),
        ("healthcheck x\n", [1]), ("peers x\n", [1]), ("log-forward x\n", [1]),
    ]

    @Test("keeps HAProxy for a proxy whose lines decide who gets traffic", arguments: sections.indices)
    func keepsHAProxy(index: Int) {
        let (text, lines) = Self.sections[index]
        let alerts = Configuration.read(text).diagnostics.filter { $0.severity == .alert }
        #expect(Set(alerts.flatMap(\.refused).map(\.line)) == Set(lines), "\(alerts)")
        for alert in alerts {
            #expect(alert.problem.advice.contains("keep HAProxy for"), "\(alert)")
            #expect(!alert.description.contains("write 'mode tcp'"), "\(alert)")
            #expect(!alert.description.contains("write 'default_backend"), "\(alert)")
        }
    }

    @Test("may leave out keywords that change neither servers nor clients", arguments: ["log-format x", "id 5", "nice 3", "guid x"])
    func leavesHarmlessOut(line: String) {
        let alerts = Configuration.alerts(Configuration.read("listen a\n \(line)\n").diagnostics)
        #expect(alerts.count == 1 && alerts.allSatisfy(Self.mayLeaveOut), "\(alerts)")
    }

    @Test("quotes the keyword without its argument", arguments: ["tune.h2.max-frame-size 16384", "stats-file x", "tune.ssl.lifetime 300"])
    func quotesKeywordAlone(line: String) throws {
        let diagnostic = try #require(Configuration.read("global\n \(line)\n").diagnostics.first)
        let keyword = String(line.prefix { $0 != " " })
        #expect(diagnostic.problem.what.contains("'\(keyword)'"), "\(diagnostic)")
    }
}

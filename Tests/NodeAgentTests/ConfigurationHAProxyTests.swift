import Glibc
import Support
import Testing

@testable import NodeAgent

private let haproxy = "/usr/sbin/haproxy"

/// Small files that Debian's haproxy 2.6 checks as well. Where 3.5 differs, other tests define the right answer.
@Suite("Beside haproxy -c,", .enabled(if: access(haproxy, X_OK) == 0, "no haproxy"))
struct ConfigurationHAProxyTests {
    private static let timeouts = " timeout connect 1s\n timeout client 1s\n timeout server 1s\n"

    /// A frontend with `line`, and its backend.
    private static func frontend(_ line: String) -> String {
        "frontend f\n bind 127.0.0.1:9\n timeout client 1s\n \(line)\n default_backend b\nbackend b\n timeout connect 1s\n timeout server 1s\n server s 127.0.0.1:9\n"
    }

    /// A backend with `line`, and its frontend.
    private static func backend(_ line: String) -> String {
        "frontend f\n bind 127.0.0.1:9\n timeout client 1s\n default_backend b\nbackend b\n timeout connect 1s\n timeout server 1s\n \(line)\n server s 127.0.0.1:9\n"
    }

    private static func listen(_ line: String) -> String { "listen l\n mode tcp\n bind 127.0.0.1:9\n\(timeouts) \(line)\n server s 127.0.0.1:9\n" }

    private static func global(_ line: String) -> String { "global\n \(line)\n" + listen("option tcplog") }

    static let files: [String] =
        socketLines
        + [
            "server t 127.0.0.1:8", "server-template t 2 127.0.0.1:8", "default-server check", "retries 2", "balance source", "fullconn 5",
            "timeout server 1s", "timeout tunnel 1s", "option redispatch", "option mysql-check", "option srvtcpka", "option log-health-checks",
            "load-server-state-from-file none", "option splice-auto", "option tcplog",
            "balance first", "option allbackups", "retry-on none",
        ].map(frontend)
        + ["bind 127.0.0.1:8", "maxconn 5", "backlog 5", "timeout client 1s", "timeout client-fin 1s", "option clitcpka", "option dontlognull"].map(backend)
        + [
            "option tcpka", "no option tcpka", "no option clitcpka", "no option srvtcpka", "no option tcplog", "no option mysql-check", "no retries 2",
            "no option redispatch", "no option splice-auto", "no option dontlognull", "no option log-health-checks", "no log", "server s 127.0.0.1:8",
            "fullconn 5",
        ].map(listen)
        + [
            "first", "static-rr", "random", "random(1)", "random(1000)", "random()", "random(0)", "random(-1)", "random(x)", "random(1,2)", "first(1)",
            "static-rr(1)", "sticky",
        ].map { listen("balance \($0)") }
        + [
            "none", "conn-failure", "all-retryable-errors", "empty-response", "503 504", "404", "200", "x", "none conn-failure", "conn-failure none", "",
            "conn-failure junk-response response-timeout 0rtt-rejected", "conn-failure conn-failure",
        ].map { listen("retry-on \($0)") }
        + [
            "option allbackups", "no option allbackups", "option allbackups 1", "option redispatch 0", "option redispatch 3", "option redispatch -2",
            "fullconn 0", "server t 127.0.0.1:8 minconn 5", "server t 127.0.0.1:8 minconn 1 maxconn 5 maxqueue 3", "server t 127.0.0.1:8 minconn 0 maxqueue 0",
        ].map(listen)
        + [
            "0", "1us", "500us", "1000us", "1ms", "1min", "2sec", "3hours", "1m30s", "1ms2", "10x", "1.5s", "1S", "-1", "+1", "24d", "25d", "2147483647",
            "2147483648", "00005", "1u", "us",
        ].map { listen("timeout queue \($0)") }
        + ["80", "79", "65535", "65536", "16k", "16384", "1m", "0", "abc"].map { global("log 127.0.0.1 len \($0) local0") }
        + ["tune.ssl.cachesize 20000", "tune.ssl.default-dh-param 2048", "tune.ssl.lifetime 300", "ssl-default-bind-options no-sslv3"].map(global)
        + [
            "stats uri /x", "http-check expect status 200", "option persist", "max-session-srv-conns 5", "cookie x insert", "option httplog", "mode http",
        ].map { "defaults\n \($0)\n" + listen("option tcplog") }
        + ["insecure-fork-wanted", "no insecure-fork-wanted", "insecure-fork-wanted x", "external-check", "external-check x", "no external-check"].map(global)
        + ["", "external-check"].flatMap { permission in
            [
                "option external-check", "external-check command /bin/true", "external-check path /bin", "external-check command", "external-check path",
                "no option external-check", "external-check command /bin/true x", "option external-check x",
                "option external-check\n external-check command /bin/true", "option external-check\n external-check command true",
                "option external-check\n external-check path /bin", "option external-check\n external-check command true\n external-check path /bin",
                "option external-check\n external-check command /bin/true\n option mysql-check",
            ].map { "global\n \(permission)\n" + listen($0) }
        }
        + [
            "check\n server u 127.0.0.1:7 track t", "check\n server u 127.0.0.1:7 track l/t", "agent-check agent-port 7\n server u 127.0.0.1:7 track t",
            "check\n server u 127.0.0.1:7 agent-check agent-port 7 track t", "track s", "track t", "track u\n server u 127.0.0.1:7 track t", "track x/s",
            "track x",
            "check track s", "check\n server u 127.0.0.1:7 check track t", "agent-check", "agent-check port 7", "agent-port 7", "agent-inter 0", "agent-send",
            "agent-check agent-port 7 agent-addr 127.0.0.1 agent-inter 5s agent-send x", "agent-check agent-port 7 agent-addr localhost",
            "agent-addr 127.0.0.1:5", "agent-check agent-port 7 no-agent-check", "check addr 127.0.0.1:5", "check addr [::1]:5", "check addr localhost:5",
            "check addr localhost", "check addr 127.0.0.1 port 5",
        ].map { listen("server t 127.0.0.1:8 \($0)") }
        + ["agent-check agent-port 7", "agent-check", "track s"].map { listen("default-server \($0)\n server t 127.0.0.1:8 no-agent-check") }
        + [listen("option tcplog") + "backend l\n" + timeouts, "backend b\nbackend b\n" + listen("option tcplog")]

    /// Options of sockets, connections and logs.
    private static let socketLines: [String] =
        [
            "option abortonclose", "option tcp-smart-connect", "source 127.0.0.1", "option persist", "force-persist if TRUE",
        ].map(frontend)
        + [
            "option contstats", "option dontlog-normal", "option log-separate-errors", "option logasap", "option socket-stats", "option tcp-smart-accept",
        ].map(backend)
        + [
            "option nolinger", "no option nolinger", "option independent-streams", "no option logasap", "option persist", "force-persist unless FALSE",
            "force-persist", "source 127.0.0.1", "source 127.0.0.1:5", "source 127.0.0.1:5-6", "source 127.0.0.1:+5", "source * usesrc clientip",
            "source 127.0.0.1 usesrc 127.0.0.2 interface lo", "source", "source 127.0.0.1 x", "usesrc client", "interface lo", "no source",
            "server t 127.0.0.1:8 id 3", "server t 127.0.0.1:8 id 0", "server t 127.0.0.1:8 id 3\n server u 127.0.0.1:8 id 3", "server t 127.0.0.1:8 cookie x",
            "server t 127.0.0.1:8 redir /x", "server t 127.0.0.1:8 source 127.0.0.1:5-6", "server t 127.0.0.1:8 source 127.0.0.1:6-5",
            "server t 127.0.0.1:8 source 127.0.0.1 usesrc", "server t 127.0.0.1:8 source 127.0.0.1 usesrc client interface lo check",
            "server t 127.0.0.1:8 usesrc client", "server t 127.0.0.1:8 interface lo", "server t 127.0.0.1:8 tfo", "server t *:8", "server t :8",
            "server t 0.0.0.0:8 check", "server t [::]:8", "server t *:+5", "server t abns@x", "server t tcp@127.0.0.1:8", "server t tcp6@127.0.0.1:8",
            "server t ipv4@localhost:8", "server t udp@127.0.0.1:8", "server t mptcp@127.0.0.1:8", "server t fd@9",
        ].map(listen)
        + [
            "id 3", "id 0", "id", "maxconn 5", "maxconn 0", "maxconn -1", "nice 5", "nice 1025", "process 1", "process 2", "process 1/all", "thread 1-2",
            "thread x", "thread 65", "shards 2", "shards by-thread", "shards 0", "shards 100", "interface lo", "interface", "mss 1400", "mss -40", "mss 0",
            "transparent", "tfo", "user root", "uid 0", "gid 0", "level admin", "level x", "severity-output number", "severity-output x",
            "expose-fd listeners", "expose-fd x", "mode 600", "namespace no-such-namespace",
        ].map { listen("bind 127.0.0.1:8 \($0)") }
        + [
            "abns@x", "tcp@127.0.0.1:8", "tcp4@127.0.0.1:8", "tcp6@127.0.0.1:8", "tcp6@[::1]:8", "ipv4@localhost:8", "udp@:8", "uxdg@/tmp/x", "uxst@/tmp/x",
            "127.0.0.1:8-9 id 3", "/tmp/x user root group root mode 600 level admin maxconn 3",
        ].map { listen("bind \($0)") }
        + [
            "/tmp/s severity-output number name a maxconn 5 id 5 nice 5 process 1 thread 1 shards 2 backlog 3", "/tmp/s severity-output x",
            "abns@s level admin",
            "tcp@127.0.0.1:8 interface lo v4v6 transparent mss 1000 tcp-ut 5s tfo",
        ].map { global("stats socket \($0)") }

    @Test("a file is accepted or refused alike, with warnings for the same lines", arguments: files)
    func agrees(text: String) throws {
        let path = "/tmp/tsukada-haproxy-\(getpid())-\(UInt32.random(in: 0 ... .max)).cfg"
        let file = try #require(fopen(path, "w"))
        fputs(text, file)
        fclose(file)
        defer { remove(path) }
        let theirs = try ChildProcess.run([haproxy, "-c", "-f", path])
        let ours = Configuration.read(text).diagnostics
        let alerts = Configuration.alerts(ours)
        #expect((theirs.status == 0) == alerts.isEmpty, "\(text)\n\(theirs.output)\n\(ours)")
        // Compares warnings only for keywords of the other side; haproxy's other warnings depend on its version and its build.
        guard theirs.status == 0, text.contains("frontend f") else { return }
        #expect(theirs.output.contains("capability") == ours.contains { $0.severity == .warning }, "\(text)\n\(theirs.output)\n\(ours)")
    }

    @Test("HAPROXY_LOCALPEER is the host's name, or the name given with -L")
    func hasLocalPeer() throws {
        let path = "/tmp/tsukada-haproxy-\(getpid())-\(UInt32.random(in: 0 ... .max)).cfg"
        let file = try #require(fopen(path, "w"))
        let text = ".notice \"peer=$HAPROXY_LOCALPEER.\"\n" + Self.listen("option tcplog")
        fputs(text, file)
        fclose(file)
        defer { remove(path) }
        for (options, name) in [([], HostName.current()), (["-L", "other"], "other")] as [([String], String)] {
            let theirs = try ChildProcess.run([haproxy, "-c", "-f", path] + options)
            #expect(theirs.output.contains("peer=\(name)."), "\(theirs.output)")
            let ours = ConfigurationReader(environment: ["HAPROXY_LOCALPEER": "x"], localPeer: name).read(files: [(path, Array(text.utf8))]).diagnostics
            #expect(ours.first?.problem == .message("peer=\(name)."))
        }
    }

    @Test("-h ends with the same exit code")
    func hasUsage() throws {
        #expect(try ChildProcess.run([haproxy, "-h"]).status == Startup.run(arguments: ["-h"], environment: [:]))
    }
}

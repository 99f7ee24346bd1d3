import Glibc
import Proxy
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
            "load-server-state-from-file none", "option splice-auto", "option tcplog", "option tcp-check", "option httpchk", "tcp-check send A",
            "http-check expect status 200", "balance first", "option allbackups", "retry-on none", "hash-type consistent",
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
            "hash-type", "hash-type map-based", "hash-type consistent", "hash-type avalanche", "hash-type map-based avalanche", "hash-type consistent sdbm",
            "hash-type map-based djb2 avalanche", "hash-type consistent wt6 x", "hash-type consistent crc32", "hash-type consistent md5",
            "no hash-type consistent", "hash-balance-factor 0", "hash-balance-factor 101", "hash-balance-factor 100", "hash-balance-factor -1",
            "hash-balance-factor",
        ].map(listen)
        + [
            "none", "conn-failure", "all-retryable-errors", "empty-response", "503 504", "404", "200", "x", "none conn-failure", "conn-failure none", "",
            "conn-failure junk-response response-timeout 0rtt-rejected", "conn-failure conn-failure",
        ].map { listen("retry-on \($0)") }
        + [
            "option allbackups", "no option allbackups", "option allbackups 1", "option redispatch 0", "option redispatch 3", "option redispatch -2",
            "timeout client(x) 5s", "option tcplog(x)", "option forwardfor(x)", "no filter trace", "fullconn 0", "server t 127.0.0.1:8 minconn 5",
            "server t 127.0.0.1:8 minconn 1 maxconn 5 maxqueue 3", "server t 127.0.0.1:8 minconn 0 maxqueue 0",
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
        + tuning.map(global) + http.map(listen) + httpDefaults.map { "defaults\n \($0)\n" + listen("option tcplog") }
        + ["http-reuse safe", "http-send-name-header X", "max-keep-alive-queue 5", "option h1-case-adjust-bogus-server"].map(frontend)
        + ["max-session-srv-conns 5", "option h1-case-adjust-bogus-client", "monitor fail if TRUE", "capture request header Host len 9"].map(backend)
        + serverOptions.map { listen("server t 127.0.0.1:8 \($0)") }
        + resolvers.map { "resolvers r\n nameserver a 127.0.0.1:53\n \($0)\n" + listen("option tcplog") }
        + userlists.map { "userlist u\n \($0)\n" + listen("option tcplog") }
        + ["userlist\n", "userlist a\nuserlist a\n", "userlist a b\n", "userlist a!\n"].map { $0 + listen("option tcplog") }
        + ["defaults a from b\n", "defaults b\ndefaults a from b\n", "defaults b\ndefaults b\ndefaults a from b\n", "defaults a!\n", "defaults a:b\n"].map {
            $0 + listen("option tcplog")
        }
        + checks.map(listen) + tracking

    /// A server that tracks a server of another proxy, where both proxies, one proxy or no proxy has a line.
    private static let tracking: [String] = [("", ""), ("", line404), (line404, ""), (line404, line404)].map { theirs, own in
        "backend b\n\(timeouts) \(theirs)\n server t 127.0.0.1:8 check\n" + listen("\(own)\n server u 127.0.0.1:7 track b/t")
    }
    private static let line404 = "http-check disable-on-404"

    private static let tuning = [
        "busy-polling", "no busy-polling", "noepoll", "nosplice", "noreuseport", "maxpipes 10", "spread-checks 5", "spread-checks 50", "spread-checks 51",
        "spread-checks -1", "max-spread-checks 5s", "max-spread-checks 0", "max-spread-checks -1", "ulimit-n 4096", "ulimit-n 0", "fd-hard-limit 50000",
        "cpu-map 1 0", "numa-cpu-mapping", "no numa-cpu-mapping", "quiet", "no quiet", "thread-groups 1", "profiling.tasks auto", "tune.bufsize 16384",
        "tune.bufsize 1024", "tune.bufsize 0", "tune.bufsize abc", "tune.bufsize -1", "tune.maxaccept 5", "tune.maxaccept -1", "tune.maxaccept 0",
        "tune.maxaccept 5 6", "tune.rcvbuf.client 65536", "tune.sndbuf.server 65536", "tune.foo 1", "tune.http.maxhdr 101", "tune.chksize 100",
        "tune.maxrewrite 1024", "tune.pipesize 1024", "tune.idletimer 10", "tune.comp.maxlevel 1", "tune.h2.initial-window-size 65535", "tune.lua.maxmem 10",
        "tune.vars.global-max-size 10", "maxconnrate 100", "maxsessrate 10", "maxsslconn 10", "localpeer x", "localpeer", "localpeer x y", "setenv A B",
        "setenv A", "setenv A=B 1", "presetenv A B", "unsetenv", "unsetenv A", "unsetenv A=B", "resetenv", "resetenv PATH", "default-path current",
        "default-path config", "default-path parent", "default-path origin /tmp", "default-path origin", "default-path foo", "unix-bind mode 600 uid 0",
        "unix-bind prefix /tmp user root group root", "unix-bind foo", "unix-bind prefix", "set-dumpable", "no set-dumpable", "no strict-limits",
        "h1-accept-payload-with-any-method", "lua-prepend-path /tmp", "lua-load /nonexistent", "ca-base /etc", "crt-base /etc", "stats bind-process 1",
        "ssl-default-bind-ciphers ALL", "insecure-setuid-wanted", "nbproc 2", "expose-experimental-directives", "no-memory-trimming", "mworker-max-reloads 3",
    ]

    private static let http = [
        "option httplog", "no option httplog", "option httpslog", "option httpclose", "no option httpclose", "option http-server-close",
        "option http-keep-alive", "option forwardfor except 127.0.0.0/8", "no option forwardfor", "option originalto", "option http-buffer-request",
        "option checkcache", "no option checkcache", "option http_proxy", "option forceclose", "option http-restrict-req-hdr-names reject",
        "timeout http-request 5s", "no timeout http-request", "timeout tarpit 5s", "monitor-uri /x", "monitor fail if TRUE", "monitor-net 127.0.0.1",
        "capture request header Host len 10", "capture cookie X len 10", "capture foo", "compression algo gzip", "compression foo", "cookie X insert",
        "declare capture request len 10", "errorloc 503 http://x/", "http-error status 503", "http-request deny", "no http-request deny",
        "http-response set-header X Y", "http-after-response set-header X Y", "http-reuse safe", "max-session-srv-conns 5", "redirect location /",
        "unique-id-header X", "use-fcgi-app x", "stats enable", "no stats enable", "stats uri /x", "stats auth a:b", "stats admin if TRUE",
        "stats http-request allow", "stats foo", "stats", "block if TRUE", "reqadd X", "rspidel X", "filter compression", "filter foo", "mode health",
    ]

    private static let httpDefaults = [
        "option forwardfor", "option http-server-close", "timeout http-request 5s", "errorloc 503 http://x/", "compression algo gzip", "http-reuse safe",
        "http-request deny", "http-response deny", "capture request header Host len 9", "capture cookie X len 9", "monitor fail if TRUE",
        "redirect location /", "stats enable", "stats admin if TRUE", "stats http-request allow", "declare capture request len 9", "filter trace",
        "option h1-case-adjust-bogus-client", "option h1-case-adjust-bogus-server", "option http_proxy",
    ]

    private static let serverOptions = [
        "resolve-net 10.0.0.0/8", "resolve-net 10.0.0.1/8,fd00::/8", "resolve-net x", "resolve-net",
        "resolve-net 10.1.0.0/16,10.2.0.0/16,10.3.0.0/16,10.4.0.0/16,10.5.0.0/16,10.6.0.0/16", "resolve-opts allow-dup-ip", "resolve-opts prevent-dup-ip",
        "resolve-opts allow-dup-ip,ignore-weight", "resolve-opts foo", "send-proxy-v2 proxy-v2-options crc32c,authority,unique-id",
        "send-proxy-v2 proxy-v2-options crc32c,", "send-proxy-v2 proxy-v2-options foo", "check rise 2147483647", "check rise 2147483648", "check rise 0",
        "check fall 99999999", "check fall -1", "no-ssl", "check no-check-ssl", "ws auto", "ws h1", "ws h2", "ws h3", "ws", "max-reuse 5", "max-reuse -1",
        "max-reuse", "pool-low-conn 5", "pool-low-conn", "pool-max-conn 5", "pool-max-conn -1", "pool-max-conn -2", "pool-purge-delay 5s",
        "pool-purge-delay x", "no-ssl x", "tcp-ut 5s", "check observe layer4 on-error fastinter",
    ]

    private static let resolvers = [
        "hold stale 5s", "hold foo 5s", "hold valid 5s", "accepted_payload_size 12", "accepted_payload_size 11", "accepted_payload_size 65535",
        "accepted_payload_size 65536", "nameserver b tcp@127.0.0.1:53", "nameserver b tcp4@127.0.0.1:53", "nameserver b udp@127.0.0.1:53",
        "nameserver b udp6@[::1]:53", "nameserver b tcp@127.0.0.1", "nameserver a 127.0.0.1:54", "resolve_retries 0", "resolve_retries 1000",
        "resolve_pool_purge_delay 5",
    ]

    private static let userlists = [
        "user a password x", "user a insecure-password x", "user a", "user", "user a foo", "user a password x groups g", "group g\n user a groups g",
        "user a password x groups g,h\n group g\n group h", "group g users a", "group g users a,b\n user a\n user b", "group g\n group g", "user a\n user a",
        "group", "group g foo", "group g users a extra\n user a", "foo",
    ]

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
            "server t 127.0.0.1:8 usesrc client", "server t 127.0.0.1:8 interface lo", "server t 127.0.0.1:8 namespace", "server t 127.0.0.1:8 tfo",
            "server t *:8", "server t :8",
            "server t 0.0.0.0:8 check", "server t [::]:8", "server t *:+5", "server t abns@x", "server t tcp@127.0.0.1:8", "server t tcp6@127.0.0.1:8",
            "server t ipv4@localhost:8", "server t udp@127.0.0.1:8", "server t mptcp@127.0.0.1:8", "server t fd@9",
        ].map(listen)
        + [
            "id 3", "id 0", "id", "maxconn 5", "maxconn 0", "maxconn -1", "nice 5", "nice 1025", "process 1", "process 2", "process 1/all", "thread 1-2",
            "thread x", "thread 65", "shards 2", "shards by-thread", "shards 0", "shards 100", "interface lo", "interface", "mss 1400", "mss -40", "mss 0",
            "transparent", "tfo", "user root", "uid 0", "gid 0", "level admin", "level x", "severity-output number", "severity-output x",
            "expose-fd listeners", "expose-fd x", "mode 600", "namespace",
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

    /// Options and rules of checks.
    private static let checks: [String] =
        [
            "httpchk", "httpchk /x", "httpchk GET / HTTP/1.1\\r\\nHost:\\ x", "httpchk GET / HTTP/1.1\\r\\nbad", "httpchk a b c d e", "tcp-check",
            "tcp-check x", "redis-check", "redis-check x", "pgsql-check", "pgsql-check user", "pgsql-check user x", "pgsql-check foo x", "smtpchk",
            "smtpchk HELO", "smtpchk FOO bar", "smtpchk HELO a b", "smtpchk FOO a b", "ldap-check", "ssl-hello-chk",
        ].map { "option \($0)" } + ["no option httpchk", "no option tcp-check"]
        + [
            "send A", "send", "send A B", "send A comment c", "send A comment", "send-binary 00fF", "send-binary abc", "send-binary zz", "send-lf %%",
            "send-lf %[srv_name]", "send-lf %[foo]", "send-lf %[str()]", "send(a) b", "send-binary-lf %[str(a),hex]", "expect string a", "expect ! string a",
            "expect !!rstring a",
            "expect string a rstring b", "expect comment x", "expect rstring (", "expect rstring (a)\\\\1", "expect status 200",
            "expect ok-status L7RSP string a", "expect ok-status l7okc string a", "expect min-recv -1 string a", "expect min-recv -2 string a",
            "expect on-error %[res.len] string a",
            "expect status-code res.payload(0,3) string a", "connect", "connect port 65535", "connect port 65536", "connect port 0",
            "connect addr 127.0.0.1", "connect addr 127.0.0.1:5", "connect foo", "connect default send-proxy linger", "set-var(check.a) int(1)",
            "set-var(check.a)", "set-var-fmt(check.a) x", "unset-var(check.a)", "set-var(a) int(1)", "comment", "comment x", "foo",
            "set-var(check.a-b) int(1)", "set-var(check.a_b.c) int(1)", "send-lf %[var(foo)]", "send-lf %[str(a),,upper]", "send-lf %[str(a),,]",
            "send-lf %[int(9223372036854775807)]", "send-lf %[str(a),ltrim]", "send-lf %[str(a),rtrim()]", "send-lf %", "send-lf %x", "send-lf %[str(a),lowr]",
            "connect port abc", "expect status-code 5 string a", "expect error-status L7OK string a", "expect error-status L7OKC string a",
        ].map { "tcp-check \($0)" }
        + [
            "expect status 200,", "expect status abc", "expect status 300-200", "expect status 200-", "expect binary 00", "expect hdr x",
            "expect hdr name x value -m beg y", "expect fhdr name -m foo x", "expect hdr name-lf -m reg x", "send", "send hdr a", "send hdr Host a hdr host b",
            "send foo", "disable-on-404", "disable-on-404 x", "send-state", "set-var(check.a) int(1)", "connect port 1", "foo",
        ].map { "http-check \($0)" }
        + [
            "option tcp-check\n tcp-check send A\n tcp-check connect", "option tcp-check\n tcp-check comment x\n tcp-check connect",
            "option httpchk\n http-check send\n http-check send", "option httpchk\n http-check expect status 200\n http-check send",
            "option httpchk\n http-check expect status 200\n http-check connect", "option httpchk\n http-check connect\n http-check send",
        ]

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

    @Test("the expressions of HAProxy are known", arguments: ["smp", "cnv"])
    func knowsExpressions(list: String) throws {
        let output = try ChildProcess.run([haproxy, "-dK\(list)", "-q", "-c", "-f", "/dev/null"]).output
        let lines = output.split(separator: "\n").filter { !$0.hasPrefix("#") }.map {
            $0.drop { $0 == "[" || $0 == "Y" || $0 == "." || $0 == " " || $0 == "]" }
        }
        let names = lines.filter { $0.contains(": ") }.map { String($0.prefix { $0 != "(" && $0 != ":" }) }
        let known =
            list == "smp"
            ? ForeignExpressions.fetches.union(CheckExpression.fetchNames(in: .tcp)) : ForeignExpressions.converters.union(CheckExpression.converterNames)
        #expect(names.count > 100 && names.filter { !known.contains($0) }.isEmpty, "\(names.filter { !known.contains($0) })")
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

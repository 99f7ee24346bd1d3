// Lines whose verdict tsukada -c and haproxy -c must share, and the lines where they intentionally differ.

/// A line of a file, in a place.
struct VerdictLine: Sendable {
    /// Where the line is.
    enum Place: Sendable {
        /// After the address of a `bind`.
        case bind
        /// After the address of a `server`.
        case server
        /// In a `listen` section.
        case proxy
        /// In `global`.
        case global
        /// In a `resolvers` section that a server uses.
        case resolvers
        /// A section beside the proxy.
        case section
    }

    let row: FeatureRow
    let place: Place
    let text: String
    /// Why tsukada intentionally has another verdict than haproxy 2.6.
    let difference: String?

    /// The whole file.
    var file: String {
        func own(_ wanted: Place, _ line: String) -> String { place == wanted ? line : "" }
        let timeouts = "    timeout connect 1s\n    timeout client 1s\n    timeout server 1s\n"
        return own(.global, "global\n    \(text)\n") + own(.resolvers, "resolvers d\n    nameserver n 127.0.0.1:53\n    \(text)\n")
            + "listen l\n    mode tcp\n" + timeouts + "    bind 127.0.0.1:9999\(own(.bind, " \(text)"))\n" + own(.proxy, "    \(text)\n")
            + "    server s 127.0.0.1:9998\(own(.server, " \(text)"))\(own(.resolvers, " resolvers d"))\n" + own(.section, "\(text)\n")
    }

    private static func lines(_ row: FeatureRow, _ place: Place, _ texts: [String], differs why: String? = nil) -> [VerdictLine] {
        texts.map { VerdictLine(row: row, place: place, text: $0, difference: why) }
    }

    static let all = binds + proxies + servers + checks + others

    private static let later = "2.6 does not know it; HAProxy 3.5, whose language tsukada reads, has it"
    private static let clearText = "refused by name: traffic that the file wants encrypted must not leave in clear text"
    private static let meaningless = "a number that is none, or that the protocol does not allow, is an error instead of 0"
    private static let noHelp = "refused by name: tsukada cannot do it, and ignoring it would change which server or client is reached"

    private static let binds =
        lines(.bindLimits, .bind, ["name web", "id 7", "maxconn 5", "backlog 5", "nice 5", "process 1", "thread 1", "shards 1", "id x"])
        + lines(.bindLimits, .bind, ["maxconn x"], differs: meaningless)
        + lines(.acceptProxy, .bind, ["accept-proxy", "accept-proxi"])
        + lines(.bindSockets, .bind, ["interface lo", "mss 500", "v4v6", "v6only", "transparent", "tfo", "tcp-ut 5s", "mss x"])
        + lines(.namespace, .bind, ["namespace no-such-namespace", "namespace"])
        + lines(.bindSockets, .bind, ["tos 16"], differs: later)
        + lines(
            .bindSockets, .bind, ["defer-accept"],
            differs: "refused by name: clients of a protocol in which the server speaks first would never be accepted, and the file does not tell the protocol")
        + lines(.bindPaths, .bind, ["user root", "group root", "uid 0", "gid 0", "mode 600", "level admin", "severity-output number", "user nobodyatall"])
        + lines(.bindTLS, .bind, ["ssl crt /missing"]) + lines(.bindTLS, .bind, ["ssl verify none crt"])

    private static let proxies =
        lines(.roundrobin, .proxy, ["balance roundrobin", "balance robin"]) + lines(.leastconn, .proxy, ["balance leastconn"])
        + lines(.otherAlgorithms, .proxy, ["balance static-rr", "balance first", "balance source", "balance random", "balance random(3)"])
        + lines(.hashes, .proxy, ["hash-type consistent", "hash-type map-based wt6 avalanche", "hash-type map", "hash-type consistent avalanche"])
        + lines(.hashes, .proxy, ["hash-balance-factor 150", "hash-balance-factor 50"])
        + lines(.hashes, .proxy, ["hash-type consistent none"], differs: later) + lines(.hashes, .server, ["hash-key addr"], differs: later)
        + lines(.serverLines, .proxy, ["default-server inter 1s", "server-template t 2 127.0.0.1:8", "server t *:80", "server t :80", "server t 127.0.0.1:+1"])
        + lines(
            .retries, .proxy,
            [
                "option redispatch", "option redispatch 2", "option redispatch -1", "option redispatch 0", "retries 3", "retry-on conn-failure",
                "retry-on none", "retry-on all-retryable-errors", "retry-on 503 conn-failure", "retry-on nothing-known",
            ])
        + lines(.backups, .proxy, ["option allbackups"]) + lines(.limits, .proxy, ["fullconn 50", "timeout queue 5s", "maxconn 5"])
        + lines(
            .source, .proxy,
            [
                "source 127.0.0.9", "source 127.0.0.9:1000", "source 127.0.0.9 usesrc clientip", "source 127.0.0.9 usesrc client",
                "source 127.0.0.9 interface lo", "source",
            ])
        + lines(.externalCheck, .proxy, ["option external-check", "external-check command /bin/true", "external-check path /bin"])
        + lines(.serverState, .proxy, ["load-server-state-from-file none", "load-server-state-from-file global", "server-state-file-name x"])
        + lines(
            .connections, .proxy,
            [
                "option clitcpka", "option srvtcpka", "clitcpka-idle 30s", "clitcpka-cnt 3", "clitcpka-intvl 3s", "srvtcpka-idle 30s", "srvtcpka-cnt 3",
                "srvtcpka-intvl 3s", "option tcp-smart-accept", "option tcp-smart-connect", "option nolinger", "option contstats", "option abortonclose",
                "option independent-streams", "option socket-stats", "option splice-auto", "option persist", "force-persist if TRUE",
            ])
        + lines(.connections, .proxy, ["timeout client-hs 3s"], differs: later)
        + lines(.logOptions, .proxy, ["option logasap", "option log-separate-errors", "option dontlog-normal", "option httplog", "option tcplog"])

    private static let servers =
        lines(.check, .server, ["check", "no-check", "chek"])
        + lines(.intervals, .server, ["check inter 1s fastinter 500 downinter 2s", "inter 1s", "check inter x"])
        + lines(.riseFall, .server, ["check rise 2 fall 3", "check rise 0", "check rise 2000000"])
        + lines(
            .checkAddress, .server, ["check port 9", "check addr 127.0.0.2", "check addr 127.0.0.2:80", "check addr localhost", "check check-send-proxy"])
        + lines(.checkAddress, .server, ["check no-check-send-proxy"])
        + lines(.weight, .server, ["weight 0", "weight 256", "weight 257"])
        + lines(.limits, .server, ["maxconn 5 minconn 2", "maxqueue 5"]) + lines(.limits, .server, ["strict-maxconn"], differs: later)
        + lines(.backups, .server, ["backup", "no-backup"]) + lines(.connections, .server, ["tcp-ut 5s"])
        + lines(.markedDown, .server, ["on-marked-down shutdown-sessions", "on-marked-down x"])
        + lines(.markedUp, .server, ["on-marked-up shutdown-backup-sessions"]) + lines(.slowStart, .server, ["slowstart 5s"])
        + lines(.observe, .server, ["check observe layer4 error-limit 3 on-error mark-down", "check observe layer9"])
        + lines(.observe, .server, ["check observe layer4 on-error fastinter"])
        + lines(.observe, .server, ["check observe layer7"], differs: "haproxy reports this error and starts")
        + lines(.track, .server, ["track l/s", "track x/y"])
        + lines(
            .agent, .server,
            ["agent-check agent-port 7", "agent-check agent-port 7 agent-addr 127.0.0.3 agent-inter 2s agent-send hello", "agent-check", "no-agent-check"])
        + lines(.initialAddress, .server, ["init-addr last,libc,none", "init-addr 127.0.0.5", "init-addr x"])
        + lines(.initialState, .server, ["init-state down", "init-state fully-up"], differs: later)
        + lines(
            .serverNames, .server,
            [
                "resolvers missing", "resolve-prefer ipv4", "resolve-prefer ipv5", "resolve-net 10.0.0.0/8", "resolve-opts allow-dup-ip",
                "resolve-opts ignore-weight,prevent-dup-ip", "resolve-opts x",
            ])
        + lines(.sendProxy, .server, ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id,authority"])
        + lines(.sendProxy, .server, ["no-send-proxy", "no-send-proxy-v2"])
        + lines(.sendProxy, .server, ["send-proxy-v2 set-proxy-v2-tlv-fmt(0xE0) x"], differs: later)
        + lines(.disabled, .server, ["disabled", "enabled"]) + lines(.serverLabels, .server, ["id 5", "id 0", "cookie x", "redir http://x"])
        + lines(.serverLabels, .server, ["ws h1", "ws h3", "max-reuse 5", "pool-low-conn 5", "pool-max-conn -1", "pool-max-conn -2"])
        + lines(.serverLabels, .server, ["pool-purge-delay 5s"])
        + lines(.serverLabels, .server, ["guid x", "pool-conn-name src"], differs: later)
        + lines(.serverTLS, .server, ["ssl", "check check-ssl", "no-ssl", "check no-check-ssl"])
        + lines(.serverTLS, .server, ["ssl verify none"], differs: clearText)
        + lines(.serverTLS, .server, ["socks4 127.0.0.1:1080", "check check-via-socks4"], differs: noHelp)
        + lines(.source, .server, ["source 127.0.0.9", "source 127.0.0.9:1000-2000", "source 127.0.0.9 usesrc clientip", "usesrc"])
        + lines(.namespace, .server, ["namespace no-such-namespace", "namespace"]) + lines(.namespace, .server, ["namespace *"], differs: noHelp)

    private static let checks =
        lines(.connectCheck, .proxy, ["option tcp-check"])
        + lines(.tcpCheck, .proxy, ["tcp-check connect", "tcp-check expect string x", "option tcp-check\n    tcp-check expect strin x"])
        + lines(
            .tcpCheck, .proxy,
            [
                "connect ssl", "send", "expect", "expect rstring (", "send-binary 0g", "send-binary-lf %[str(a),hex]", "send-binary-lf x", "comment x",
                "comment",
                "connect default", "expect string-lf %[str(a)]", "expect string-lf %[foo]", "set-var-fmt(check.a) b",
            ].map { "option tcp-check\n    tcp-check \($0)" })
        + lines(
            .httpCheck, .proxy,
            [
                "option httpchk", "option httpchk GET /x", "option httpchk GET /x HTTP/1.1\\r\\nHost:\\ x", "http-check expect status 200",
                "http-check disable-on-404", "http-check send-state", "http-check expect status abc", "http-check expect status 99",
            ])
        + lines(
            .httpCheck, .proxy,
            ["comment x", "set-var(check.a) str(b)", "set-var(check.a)", "unset-var(check.a)", "expect string-lf %[str(a)]", "expect string-lf"].map {
                "option httpchk\n    http-check \($0)"
            })
        + lines(.otherChecks, .proxy, ["option smtpchk", "option smtpchk HELO x", "option ldap-check", "option ssl-hello-chk"])
        + lines(.mysqlCheck, .proxy, ["option mysql-check", "option mysql-check user u", "option mysql-check user u post-41", "option mysql-check x"])
        + lines(.pgsqlCheck, .proxy, ["option pgsql-check user u"]) + lines(.pgsqlCheck, .proxy, ["option pgsql-check"])
        + lines(.redisCheck, .proxy, ["option redis-check"]) + lines(.lastCheckWins, .proxy, ["option httpchk\n    option redis-check"])

    private static let others =
        lines(
            .nameservers, .resolvers,
            ["parse-resolv-conf", "accepted_payload_size 100", "accepted_payload_size 4096", "nameserver t tcp@127.0.0.1:53", "nameserver i [::1]:53"])
        + lines(.resolvePace, .resolvers, ["resolve_retries 3", "timeout resolve 1s", "timeout retry 1s", "timeout x 1s"])
        + lines(.resolvePace, .resolvers, ["timeout resolve 0", "timeout retry 0", "resolve_retries 1001"], differs: meaningless)
        + lines(
            .hold, .resolvers,
            ["hold valid 10s", "hold obsolete 1s", "hold nx 1s", "hold timeout 1s", "hold refused 1s", "hold other 1s", "hold x 1s", "hold stale 1s"])
        + lines(.otherSections, .section, ["userlist u\n    group g users a\n    user a insecure-password b", "userlist u\n    user a passwort b"])
        + lines(
            .otherSections, .section,
            [
                "peers p\n    peer x 127.0.0.1:1", "ring r\n    format rfc3164\n    size 32764\n    server s 127.0.0.1:9",
                "mailers m\n    mailer a 127.0.0.1:25",
                "cache c\n    total-max-size 4", "log-forward f\n    dgram-bind 127.0.0.1:5514\n    log global",
            ], differs: "refused by name, with one error: tsukada has no such section")
        + lines(.otherSections, .section, ["program p\n    command /bin/true"])
        + lines(
            .environment, .global,
            [
                "spread-checks 5", "max-spread-checks 5s", "tune.bufsize 16384", "tune.maxaccept 10", "tune.rcvbuf.client 10000", "tune.sndbuf.server 10000",
                "ulimit-n 10000", "maxconnrate 100", "cpu-map 1 0", "thread-groups 1", "maxpipes 10", "noepoll", "nbproc 2", "setenv A b", "presetenv A b",
                "unsetenv A", "resetenv PATH", "default-path config", "unix-bind prefix /tmp mode 600", "localpeer x", "quiet", "zero-warning",
                "busy-polling", "insecure-fork-wanted", "external-check", "ca-base /etc", "ssl-default-bind-ciphers ALL", "tune.ssl.default-dh-param 2048",
                "spread-checks 60", "tune.bufsize x", "nothing-known 1", "lua-load /missing",
            ])
        + lines(.environment, .global, ["setcap cap_net_raw", "external-check preserve-env"], differs: later)
        + lines(.environment, .global, ["nbproc 1", "maxsock 5"], differs: "accepted, so that an old file can stay as it is: the line has no effect")
        + lines(.environment, .global, ["stats socket /tmp/x.sock accept-proxy"], differs: "refused by name: tsukada cannot read a PROXY header there")
}

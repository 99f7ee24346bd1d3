/// What HAProxy knows and tsukada does not: each use is an error, or for HTTP in `defaults` a notice, that says what to do.
struct ForeignKeywords: Sendable {
    /// Why tsukada does not have them.
    enum Reason: Sendable {
        /// They come later.
        case notYet(advice: String)
        /// They are for HTTP: harmless in `defaults`, senseless in a TCP proxy.
        case http(advice: String)
        /// They ask for TLS.
        case encryption
        /// They only set defaults for TLS, which no line can ask for.
        case encryptionDefaults
        /// HAProxy has them no more.
        case removed(replacement: String)
    }

    /// Words that begin a line, or two of them: an entry of two counts before an entry of one.
    let names: Set<String>
    let places: KeywordPlaces
    let reason: Reason

    private init(_ places: KeywordPlaces, _ reason: Reason, _ names: String) {
        self.names = Set(names.split { $0 == ";" || $0 == "\n" }.map { String($0.drop { $0 == " " }) })
        self.places = places
        self.reason = reason
    }

    /// What is wrong with `name` in `place`; `nil` when HAProxy does not know it either.
    static func problem(with name: String, in place: KeywordPlaces) -> ConfigurationProblem? {
        for group in all where group.places.contains(place) && group.names.contains(name) {
            switch group.reason {
            case .notYet(let advice): return .unsupported(name, advice: advice)
            case .http(let advice): return .http(name, advice: advice)
            case .encryption: return .encryption(name)
            case .encryptionDefaults: return .noEffect(name, advice: "no line of this file may ask for TLS: remove it when HAProxy needs the file no more")
            case .removed(let replacement): return .removed(name, replacement: replacement)
            }
        }
        if place == .global, name.hasPrefix("tune.") { return .unsupported(name, advice: tuning) }
        return nil
    }

    /// What is wrong with `balance WORD`.
    static func problem(withBalance word: String) -> ConfigurationProblem? {
        let name = word.prefix { $0 != "(" }
        switch name {
        case "uri", "url_param", "hdr": return .http("balance \(name)", advice: "write 'balance source' to keep a client on one server")
        case "static-rr": return .unsupported("balance static-rr", advice: "write 'balance roundrobin'")
        case "random", "first": return .unsupported("balance \(name)", advice: "write 'balance leastconn' or 'balance roundrobin'")
        case "hash", "rdp-cookie", "sticky", "log-hash", "log-sticky":
            return .unsupported("balance \(name)", advice: "write 'balance source' to keep a client on one server")
        default: return nil
        }
    }

    /// Every section of HAProxy's that tsukada does not read.
    static let sections: Set<String> = [
        "acme", "cache", "crt-store", "fcgi-app", "healthcheck", "http-errors", "log-forward", "log-profile", "mailers", "peers", "program", "ring",
        "traces", "userlist",
    ]

    private static let tuning = "remove it: tsukada sizes its buffers and queues itself"
    private static let remove = "remove the line, or keep HAProxy for what needs it"

    static let all: [ForeignKeywords] = [
        // global
        ForeignKeywords(
            .global, .encryptionDefaults,
            """
            ca-base;crt-base;issuers-chain-path;key-base;ssl-default-bind-ciphers;ssl-default-bind-ciphersuites;ssl-default-bind-client-sigalgs
            ssl-default-bind-curves;ssl-default-bind-options;ssl-default-bind-sigalgs;ssl-default-server-ciphers;ssl-default-server-ciphersuites
            ssl-default-server-client-sigalgs;ssl-default-server-curves;ssl-default-server-options;ssl-default-server-sigalgs;ssl-dh-param-file
            ssl-engine;ssl-load-extra-del-ext;ssl-load-extra-files;ssl-mode-async;ssl-passphrase-cmd;ssl-propquery;ssl-provider;ssl-provider-path
            ssl-security-level;ssl-server-verify;ssl-skip-self-issued-ca;maxsslconn;maxsslrate;tune.ssl.cachesize;tune.ssl.default-dh-param
            tune.ssl.lifetime;tune.ssl.maxrecord;tune.ssl.ssl-ctx-cache-size
            """),
        ForeignKeywords(
            .global, .notYet(advice: "raise the limit of the service instead, LimitNOFILE= of systemd"), "ulimit-n;fd-hard-limit;maxsock;prealloc-fd"),
        ForeignKeywords(.global, .notYet(advice: "let systemd start and restart the agent"), "mworker-max-reloads;mworker-prealloc"),
        ForeignKeywords(
            .global, .notYet(advice: "set the variable in the service's unit, or write the value itself"),
            "setenv;presetenv;unsetenv;resetenv;set-var;set-var-fmt;default-path"),
        ForeignKeywords(
            .global, .notYet(advice: "remove the line: a reload keeps the counters, a restart does not"),
            "stats-file;shm-stats-file;shm-stats-file-max-objects"),
        ForeignKeywords(
            .global, .notYet(advice: "remove the line, and write 'nbthread' when all cores are too many"),
            "cpu-map;cpu-policy;cpu-set;numa-cpu-mapping;thread-group;thread-groups;thread-hard-limit;max-threads-per-group"),
        ForeignKeywords(.global, .removed(replacement: "write 'nbthread'"), "nbproc"),
        ForeignKeywords(
            .global, .notYet(advice: remove),
            """
            51degrees-allow-unmatched;51degrees-cache-size;51degrees-data-file;51degrees-difference;51degrees-drift;51degrees-property-name-list
            51degrees-property-separator;51degrees-use-performance-graph;51degrees-use-predictive-graph;acme.scheduler;anonkey;busy-polling
            cluster-secret;debug;deviceatlas-cookie-name;deviceatlas-json-file;deviceatlas-log-level;deviceatlas-properties-cookie;deviceatlas-separator
            dns-accept-family;expose-deprecated-directives;expose-experimental-directives;external-check;force-cfg-parser-pause;grace;h1-accept-payload-with-any-method
            h1-case-adjust;h1-case-adjust-file;h1-do-not-close-on-insecure-transfer-encoding;h2-workaround-bogus-websocket-clients
            harden.reject-privileged-ports.quic;harden.reject-privileged-ports.tcp;http-err-codes;http-fail-codes;httpclient.resolvers.disabled
            httpclient.resolvers.id;httpclient.resolvers.prefer;httpclient.retries;httpclient.ssl.ca-file;httpclient.ssl.verify;httpclient.timeout.connect
            insecure-fork-wanted;insecure-setuid-wanted;limited-quic;localpeer;log-send-hostname;lua-load;lua-load-per-thread;lua-prepend-path
            max-spread-checks;maxcompcpuusage;maxcomprate;maxconnrate;maxpipes;maxsessrate;maxzlibmem;no-memory-trimming;no-quic;noepoll;noevports
            nogetaddrinfo;nokqueue;nopoll;noreuseport;nosplice;ocsp-update.disable;ocsp-update.httpproxy;ocsp-update.maxdelay;ocsp-update.mindelay
            ocsp-update.mode;pp2-never-send-local;profiling.memory;profiling.tasks;quiet;set-dumpable;setcap;spread-checks;stats bind-process
            stats calculate-max-counters;strict-limits;unix-bind;warn-blocked-traffic-after;wurfl-cache-size;wurfl-data-file;wurfl-information-list
            wurfl-information-list-separator;zero-warning
            """),
        // proxies
        ForeignKeywords(.anyProxy, .removed(replacement: "write 'timeout client'"), "clitimeout"),
        ForeignKeywords(.anyProxy, .removed(replacement: "write 'timeout server'"), "srvtimeout"),
        ForeignKeywords(.anyProxy, .removed(replacement: "write 'timeout connect'"), "contimeout"),
        ForeignKeywords(.anyProxy, .removed(replacement: "write 'option redispatch'"), "redispatch"),
        ForeignKeywords(.anyProxy, .removed(replacement: "remove it: one process uses all cores"), "bind-process;process"),
        ForeignKeywords(.anyProxy, .removed(replacement: "write a section 'probe'"), "monitor-net;grace"),
        ForeignKeywords(
            .anyProxy, .removed(replacement: "remove it: it rewrote HTTP"),
            """
            block;reqadd;reqallow;reqdel;reqdeny;reqiallow;reqidel;reqideny;reqipass;reqirep;reqitarpit;reqpass;reqrep;reqtarpit;rspadd;rspdel;rspdeny
            rspidel;rspideny;rspirep;rsprep;appsession;option forceclose;option tcp-smart-close;option http-tunnel;option http_proxy
            """),
        ForeignKeywords(.anyProxy, .http(advice: "write 'option tcplog' in its place"), "option httplog;option httpslog"),
        ForeignKeywords(.anyProxy, .http(advice: "answer a load balancer's check with a section 'probe' in 'mode http'"), "monitor-uri;monitor fail;monitor"),
        ForeignKeywords(
            .anyProxy, .http(advice: "remove the line, or keep HAProxy for HTTP"),
            """
            capture;compression;cookie;declare;errorfile;errorfiles;errorloc;errorloc302;errorloc303;http-after-response;http-error;http-request;http-response
            http-reuse;http-send-name-header;max-keep-alive-queue;redirect;unique-id-header;use-fcgi-app;quic-initial;force-be-switch
            option accept-invalid-http-request;option accept-invalid-http-response;option accept-unsafe-violations-in-http-request
            option accept-unsafe-violations-in-http-response;option checkcache;option disable-h2-upgrade;option forwarded;option forwardfor
            option h1-case-adjust-bogus-client;option h1-case-adjust-bogus-server;option http-buffer-request;option http-drop-request-trailers
            option http-drop-response-trailers;option http-ignore-probes;option http-keep-alive;option http-no-delay;option http-pretend-keepalive
            option http-restrict-req-hdr-names;option http-server-close;option http-use-proxy-header;option httpclose
            option idle-close-on-response;option originalto;option prefer-last-server;timeout http-keep-alive;timeout http-request;timeout tarpit
            """),
        ForeignKeywords(
            .anyProxy, .notYet(advice: "write 'option mysql-check', or leave it out: a check then connects"),
            """
            option external-check;option httpchk;option ldap-check;option pgsql-check;option redis-check;option smtpchk;option spop-check
            option ssl-hello-chk;option tcp-check;tcp-check;http-check;external-check
            """),
        ForeignKeywords(.anyProxy, .notYet(advice: "use the runtime socket, 'stats socket' in section 'global'"), "stats"),
        ForeignKeywords(
            .anyProxy, .notYet(advice: "write 'option tcplog'"),
            "log-format;log-format-sd;error-log-format;unique-id-format;log-profile;log-steps"),
        ForeignKeywords(
            .anyProxy, .notYet(advice: "remove the line, and filter clients in the firewall or the security group"),
            "acl;tcp-request;tcp-response;filter;filter-sequence;rate-limit"),
        ForeignKeywords(
            .anyProxy, .notYet(advice: "write 'balance source' to keep a client on one server"),
            "stick;stick-table;persist;option persist;force-persist;ignore-persist;hash-type;hash-balance-factor;hash-preserve-affinity"),
        ForeignKeywords(.anyProxy, .notYet(advice: "remove the line, and watch the log for state changes"), "email-alert"),
        ForeignKeywords(.anyProxy, .notYet(advice: "write a line 'server'"), "dispatch;transparent;option transparent;use-server"),
        ForeignKeywords(
            .anyProxy, .notYet(advice: remove),
            """
            be-unpublished;guid;id;max-session-srv-conns;nice;option abortonclose;option allbackups;option contstats
            option dontlog-normal;option independent-streams;option log-separate-errors;option logasap;option nolinger;option socket-stats
            option tcp-smart-accept;option tcp-smart-connect;option use-small-buffers;retry-on;source;timeout client-hs
            ssl-f-use
            """),
        // bind and stats socket
        ForeignKeywords(
            [.bind, .server], .encryption,
            """
            allow-0rtt;alpn;ca-file;ca-ignore-err;ca-sign-file;ca-sign-pass;ca-verify-file;check-alpn;check-sni;check-ssl;ciphers;ciphersuites;client-sigalgs
            crl-file;crt;crt-ignore-err;crt-list;curves;default-crt;ecdhe;ech;force-sslv3;force-tlsv10;force-tlsv11;force-tlsv12;force-tlsv13
            generate-certificates;no-alpn;no-ca-names;no-sslv3;no-ssl-reuse;no-strict-sni;no-tls-tickets;no-tlsv10;no-tlsv11;no-tlsv12;no-tlsv13;npn;ocsp-update
            prefer-client-ciphers;renegotiate;no-renegotiate;sigalgs;sni;sni-auto;no-sni-auto;check-sni-auto;no-check-sni-auto;ssl;ssl-max-ver;ssl-min-ver;ssl-reuse
            strict-sni;tls-ticket-keys;tls-tickets;verify;verifyhost;ktls
            """),
        ForeignKeywords(
            .bind, .notYet(advice: "let the load balancer send PROXY headers, and write 'accept-proxy'"), "accept-netscaler-cip"),
        ForeignKeywords(.bind, .notYet(advice: "write 'maxconn' on a line of its own, for the whole section"), "maxconn"),
        ForeignKeywords(.bind, .notYet(advice: "write 'mode' for a path's permissions"), "user;group;uid;gid"),
        ForeignKeywords(
            .bind, .notYet(advice: "remove the option"),
            """
            cc;defer-accept;expose-fd;guid-prefix;id;idle-ping;interface;label;level;mss;namespace;nbconn;nice;process;proto;quic-cc-algo;quic-force-retry
            quic-socket;severity-output;shards;tcp-md5sig;tcp-ss;tfo;thread;tos;transparent
            """),
        ForeignKeywords(
            .statsSocket, .notYet(advice: "remove the option"),
            "accept-proxy;backlog;id;interface;maxconn;name;nice;process;severity-output;shards;thread;ssl;crt;v4v6;v6only"),
        // server
        ForeignKeywords(
            .server, .notYet(advice: "write 'send-proxy-v2': there is no TLS here to tell of"),
            "send-proxy-v2-ssl;send-proxy-v2-ssl-cn;no-send-proxy-v2-ssl;no-send-proxy-v2-ssl-cn;set-proxy-v2-tlv-fmt"),
        ForeignKeywords(
            .server, .notYet(advice: "let 'check' decide alone"),
            "agent-addr;agent-check;agent-inter;agent-port;agent-send;no-agent-check;track;healthcheck;init-state"),
        ForeignKeywords(.server, .notYet(advice: "write 'maxconn' alone: the others wait, 'timeout queue' long"), "minconn;maxqueue;strict-maxconn"),
        ForeignKeywords(
            .server, .notYet(advice: "remove the option"),
            """
            cc;check-pool-conn-name;check-proto;check-reuse-pool;check-via-socks4;cookie;guid;hash-key;id;idle-ping;interface;log-bufsize;log-proto;max-reuse
            namespace;no-check-ssl;no-ssl;no-tfo;no-verifyhost;non-stick;pool-conn-name;pool-low-conn;pool-max-conn;pool-purge-delay;proto;redir
            renegotiate;resolve-net;resolve-opts;shard;socks4;source;stick;tcp-md5sig;tfo;usesrc;ws
            """),
        // resolvers
        ForeignKeywords(.resolvers, .notYet(advice: "remove the line"), "hold stale;resolve_pool_purge_delay"),
    ]
}

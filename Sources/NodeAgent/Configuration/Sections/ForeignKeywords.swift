/// Keywords that HAProxy supports and tsukada does not: each use is an error, or a notice where the line has no effect of its own.
///
/// A user who follows the advice must not end up with a proxy that serves other clients, trusts other servers or checks less than with HAProxy.
struct ForeignKeywords: Sendable {
    /// What a file loses without the keywords.
    enum Reason: Sendable {
        /// They decide who is served, which servers are usable or which server gets a session: keep HAProxy for the proxy.
        case decisive(String)
        /// Without them, or with the replacement that the advice gives, the same clients reach the same servers.
        case harmless(advice: String)
        /// They are for `mode http`: HAProxy ignores them in `mode tcp`, so in `defaults` they are only a notice.
        case http(advice: String)
        /// They ask for TLS.
        case encryption
        /// They have an effect only together with lines that are refused.
        case dormant(advice: String)
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
            case .decisive(let effect): return .unsupported(name, advice: keepingHAProxy(for: place, effect))
            case .harmless(let advice): return .unsupported(name, advice: advice)
            case .http(let advice): return .http(name, advice: advice)
            case .encryption: return .encryption(name)
            case .dormant(let advice): return .noEffect(name, advice: advice)
            case .removed(let replacement): return .removed(name, replacement: replacement)
            }
        }
        guard place == .global, !name.contains(" ") else { return nil }
        if name.hasPrefix("tune.ssl.") { return .noEffect(name, advice: encryptionDefaults) }
        return name.hasPrefix("tune.") ? .unsupported(name, advice: "remove it: tsukada sizes its buffers and queues itself") : nil
    }

    /// What is wrong with `balance WORD`.
    static func problem(withBalance word: String) -> ConfigurationProblem? {
        let name = word.prefix { $0 != "(" }
        switch name {
        case "static-rr": return .unsupported("balance static-rr", advice: "write 'balance roundrobin'")
        case "random": return .unsupported("balance random", advice: "write 'balance leastconn' or 'balance roundrobin'")
        case "uri", "url_param", "hdr", "first", "hash", "rdp-cookie", "sticky", "log-hash", "log-sticky":
            return .unsupported("balance \(name)", advice: keepingHAProxy(for: .backend, choosesServers))
        default: return nil
        }
    }

    /// The advice for keywords that decide: the words of a line of `place`, and the reason.
    static func keepingHAProxy(for place: KeywordPlaces, _ effect: String) -> String {
        let what =
            switch place {
            case .defaults: "the proxies that take it from here"
            case .global, .resolvers, .statsSocket: "this file"
            default: "this proxy"
            }
        return "keep HAProxy for \(what), since \(effect)"
    }

    /// Every section of HAProxy's that tsukada does not read.
    static let sections: Set<String> = [
        "acme", "cache", "crt-store", "fcgi-app", "healthcheck", "http-errors", "log-forward", "log-profile", "mailers", "peers", "program", "ring",
        "traces", "userlist",
    ]

    private static let encryptionDefaults = "no line of this file may ask for TLS: remove it when HAProxy needs the file no more"
    private static let choosesServers = "it decides which server a session gets"
    private static let choosesClients = "it decides who may connect"
    private static let checksServers = "without this check a server that cannot serve would get sessions"
    private static let reachesServers = "it decides how servers are reached, and as whom"
    private static let inHTTP = "in 'mode tcp' HAProxy ignores it too, so remove it there; keep HAProxy for a proxy in 'mode http'"
    private static let remove = "remove the line: it changes neither who is served nor by which server"

    static let all: [ForeignKeywords] = global + proxies + lines

    private static let global: [ForeignKeywords] = [
        ForeignKeywords(
            .global, .dormant(advice: encryptionDefaults),
            """
            ca-base;crt-base;issuers-chain-path;key-base;ssl-default-bind-ciphers;ssl-default-bind-ciphersuites;ssl-default-bind-client-sigalgs
            ssl-default-bind-curves;ssl-default-bind-options;ssl-default-bind-sigalgs;ssl-default-server-ciphers;ssl-default-server-ciphersuites
            ssl-default-server-client-sigalgs;ssl-default-server-curves;ssl-default-server-options;ssl-default-server-sigalgs;ssl-dh-param-file
            ssl-engine;ssl-load-extra-del-ext;ssl-load-extra-files;ssl-mode-async;ssl-passphrase-cmd;ssl-propquery;ssl-provider;ssl-provider-path
            ssl-security-level;ssl-server-verify;ssl-skip-self-issued-ca;maxsslconn;maxsslrate
            """),
        ForeignKeywords(
            .global, .harmless(advice: "set the limit of the service instead, LimitNOFILE= of systemd"), "ulimit-n;fd-hard-limit;maxsock;prealloc-fd"),
        ForeignKeywords(.global, .harmless(advice: "let systemd start and restart the agent"), "mworker-max-reloads;mworker-prealloc"),
        ForeignKeywords(
            .global, .harmless(advice: "set the variable in the service's unit, or write the value itself"), "setenv;presetenv;unsetenv;resetenv"),
        ForeignKeywords(.global, .harmless(advice: "remove the line: only expressions read such a variable, and they are errors"), "set-var;set-var-fmt"),
        ForeignKeywords(.global, .harmless(advice: "remove the line, and write paths from the root"), "default-path"),
        ForeignKeywords(
            .global, .harmless(advice: "remove the line: a reload keeps the counters, a restart does not"),
            "stats-file;shm-stats-file;shm-stats-file-max-objects"),
        ForeignKeywords(
            .global, .harmless(advice: "remove the line, and write 'nbthread' when all cores are too many"),
            "cpu-map;cpu-policy;cpu-set;numa-cpu-mapping;thread-group;thread-groups;thread-hard-limit;max-threads-per-group"),
        ForeignKeywords(.global, .harmless(advice: "write 'drain' in a section 'probe', which keeps the ports open for as long"), "grace"),
        ForeignKeywords(.global, .harmless(advice: "start with '-L NAME' where the file needs HAPROXY_LOCALPEER"), "localpeer"),
        ForeignKeywords(.global, .removed(replacement: "write 'nbthread'"), "nbproc"),
        ForeignKeywords(.global, .decisive(checksServers), "external-check"),
        ForeignKeywords(.global, .decisive("it limits what clients may open in a second"), "maxconnrate;maxsessrate"),
        ForeignKeywords(
            .global, .decisive(choosesClients), "harden.reject-privileged-ports.quic;harden.reject-privileged-ports.tcp;unix-bind"),
        ForeignKeywords(.global, .decisive(reachesServers), "dns-accept-family;pp2-never-send-local"),
        ForeignKeywords(.global, .decisive("a program decides what its lines say"), "lua-load;lua-load-per-thread;lua-prepend-path"),
        ForeignKeywords(
            .global, .harmless(advice: remove),
            """
            51degrees-allow-unmatched;51degrees-cache-size;51degrees-data-file;51degrees-difference;51degrees-drift;51degrees-property-name-list
            51degrees-property-separator;51degrees-use-performance-graph;51degrees-use-predictive-graph;acme.scheduler;anonkey;busy-polling
            cluster-secret;debug;deviceatlas-cookie-name;deviceatlas-json-file;deviceatlas-log-level;deviceatlas-properties-cookie;deviceatlas-separator
            expose-deprecated-directives;expose-experimental-directives;force-cfg-parser-pause;h1-accept-payload-with-any-method
            h1-case-adjust;h1-case-adjust-file;h1-do-not-close-on-insecure-transfer-encoding;h2-workaround-bogus-websocket-clients
            http-err-codes;http-fail-codes;httpclient.resolvers.disabled
            httpclient.resolvers.id;httpclient.resolvers.prefer;httpclient.retries;httpclient.ssl.ca-file;httpclient.ssl.verify;httpclient.timeout.connect
            insecure-fork-wanted;insecure-setuid-wanted;limited-quic;log-send-hostname
            max-spread-checks;maxcompcpuusage;maxcomprate;maxpipes;maxzlibmem;no-memory-trimming;no-quic;noepoll;noevports
            nogetaddrinfo;nokqueue;nopoll;noreuseport;nosplice;ocsp-update.disable;ocsp-update.httpproxy;ocsp-update.maxdelay;ocsp-update.mindelay
            ocsp-update.mode;profiling.memory;profiling.tasks;quiet;set-dumpable;setcap;spread-checks;stats bind-process
            stats calculate-max-counters;strict-limits;warn-blocked-traffic-after;wurfl-cache-size;wurfl-data-file;wurfl-information-list
            wurfl-information-list-separator;zero-warning
            """),
    ]

    private static let proxies: [ForeignKeywords] = [
        ForeignKeywords(.anyProxy, .removed(replacement: "write 'timeout client'"), "clitimeout"),
        ForeignKeywords(.anyProxy, .removed(replacement: "write 'timeout server'"), "srvtimeout"),
        ForeignKeywords(.anyProxy, .removed(replacement: "write 'timeout connect'"), "contimeout"),
        ForeignKeywords(.anyProxy, .removed(replacement: "write 'option redispatch'"), "redispatch"),
        ForeignKeywords(.anyProxy, .removed(replacement: "remove it: one process uses all cores"), "bind-process;process"),
        ForeignKeywords(.anyProxy, .removed(replacement: "write a section 'probe'"), "monitor-net;grace"),
        ForeignKeywords(
            .anyProxy, .removed(replacement: inHTTP),
            """
            block;reqadd;reqallow;reqdel;reqdeny;reqiallow;reqidel;reqideny;reqipass;reqirep;reqitarpit;reqpass;reqrep;reqtarpit;rspadd;rspdel;rspdeny
            rspidel;rspideny;rspirep;rsprep;appsession;option forceclose;option tcp-smart-close;option http-tunnel;option http_proxy
            """),
        ForeignKeywords(.anyProxy, .http(advice: "write 'option tcplog' in its place"), "option httplog;option httpslog"),
        ForeignKeywords(
            .anyProxy, .http(advice: inHTTP + ", or answer a load balancer's check with a section 'probe' in 'mode http'"),
            "monitor-uri;monitor fail;monitor"),
        ForeignKeywords(
            .anyProxy, .http(advice: inHTTP),
            """
            capture;compression;cookie;declare;errorfile;errorfiles;errorloc;errorloc302;errorloc303;http-after-response;http-error;http-request;http-response
            http-reuse;http-send-name-header;max-keep-alive-queue;max-session-srv-conns;redirect;stats;unique-id-header;use-fcgi-app;quic-initial
            option accept-invalid-http-request;option accept-invalid-http-response;option accept-unsafe-violations-in-http-request
            option accept-unsafe-violations-in-http-response;option checkcache;option disable-h2-upgrade;option forwarded;option forwardfor
            option h1-case-adjust-bogus-client;option h1-case-adjust-bogus-server;option http-buffer-request;option http-drop-request-trailers
            option http-drop-response-trailers;option http-ignore-probes;option http-keep-alive;option http-no-delay;option http-pretend-keepalive
            option http-restrict-req-hdr-names;option http-server-close;option http-use-proxy-header;option httpclose
            option idle-close-on-response;option originalto;option prefer-last-server;timeout http-keep-alive;timeout http-request;timeout tarpit
            """),
        ForeignKeywords(
            .anyProxy, .decisive(checksServers),
            """
            option external-check;option httpchk;option ldap-check;option pgsql-check;option redis-check;option smtpchk;option spop-check
            option ssl-hello-chk;option tcp-check;tcp-check;external-check
            """),
        ForeignKeywords(.namedProxy, .decisive(checksServers), "http-check"),
        ForeignKeywords(.defaults, .dormant(advice: "only 'option httpchk' uses it, which is an error"), "http-check"),
        ForeignKeywords(
            .anyProxy, .harmless(advice: "write 'option tcplog'"),
            "log-format;log-format-sd;error-log-format;unique-id-format;log-profile;log-steps"),
        ForeignKeywords(
            .anyProxy, .decisive("it decides which sessions are served, and how"),
            "acl;tcp-request;tcp-response;filter;filter-sequence;rate-limit;be-unpublished;force-be-switch"),
        ForeignKeywords(
            .anyProxy, .decisive(choosesServers),
            """
            stick;stick-table;persist;force-persist;ignore-persist;hash-type;hash-balance-factor;hash-preserve-affinity;option allbackups;use-server
            transparent;option transparent
            """),
        ForeignKeywords(.namedProxy, .decisive(choosesServers), "option persist"),
        ForeignKeywords(.defaults, .dormant(advice: "only lines that keep a client on a server use it, and they are errors"), "option persist"),
        ForeignKeywords(.anyProxy, .decisive(reachesServers), "source"),
        ForeignKeywords(.anyProxy, .encryption, "ssl-f-use"),
        ForeignKeywords(.anyProxy, .harmless(advice: "remove the line, and watch the log for state changes"), "email-alert"),
        ForeignKeywords(.anyProxy, .harmless(advice: "write a line 'server' with its address"), "dispatch"),
        ForeignKeywords(.anyProxy, .harmless(advice: "remove the line: 'retries' says how often a failed connect is tried again"), "retry-on"),
        ForeignKeywords(
            .anyProxy, .harmless(advice: remove),
            """
            guid;id;nice;option abortonclose;option contstats
            option dontlog-normal;option independent-streams;option log-separate-errors;option logasap;option nolinger;option socket-stats
            option tcp-smart-accept;option tcp-smart-connect;option use-small-buffers;timeout client-hs
            """),
    ]

    /// The options of `bind`, `stats socket` and `server` lines, and `resolvers`.
    private static let lines: [ForeignKeywords] = [
        ForeignKeywords(
            [.bind, .server, .statsSocket], .encryption,
            """
            allow-0rtt;alpn;ca-file;ca-ignore-err;ca-sign-file;ca-sign-pass;ca-verify-file;check-alpn;check-sni;check-ssl;ciphers;ciphersuites;client-sigalgs
            crl-file;crt;crt-ignore-err;crt-list;curves;default-crt;ecdhe;ech;force-sslv3;force-tlsv10;force-tlsv11;force-tlsv12;force-tlsv13
            generate-certificates;no-alpn;no-ca-names;no-sslv3;no-ssl-reuse;no-strict-sni;no-tls-tickets;no-tlsv10;no-tlsv11;no-tlsv12;no-tlsv13;npn;ocsp-update
            prefer-client-ciphers;renegotiate;no-renegotiate;sigalgs;sni;sni-auto;no-sni-auto;check-sni-auto;no-check-sni-auto;ssl;ssl-max-ver;ssl-min-ver;ssl-reuse
            strict-sni;tls-ticket-keys;tls-tickets;verify;verifyhost;ktls
            """),
        ForeignKeywords(
            .bind, .harmless(advice: "let the load balancer send PROXY headers, and write 'accept-proxy'"), "accept-netscaler-cip"),
        ForeignKeywords(.bind, .harmless(advice: "write 'maxconn' on a line of its own, for the whole section"), "maxconn"),
        ForeignKeywords(.bind, .decisive(choosesClients), "user;group;uid;gid;interface;namespace;transparent;tcp-md5sig"),
        ForeignKeywords(
            .bind, .harmless(advice: "remove the option"),
            """
            cc;defer-accept;expose-fd;guid-prefix;id;idle-ping;label;level;mss;nbconn;nice;process;proto;quic-cc-algo;quic-force-retry
            quic-socket;severity-output;shards;tcp-ss;tfo;thread;tos
            """),
        ForeignKeywords(
            .statsSocket, .harmless(advice: "write a path in place of the address: only accounts of this host reach it"),
            "accept-proxy;interface;v4v6;v6only"),
        ForeignKeywords(.statsSocket, .harmless(advice: "write 'stats maxconn' on a line of its own"), "maxconn"),
        ForeignKeywords(.statsSocket, .harmless(advice: "remove the option"), "backlog;id;name;nice;process;severity-output;shards;thread"),
        ForeignKeywords(
            .server, .harmless(advice: "write 'send-proxy-v2': there is no TLS here to tell of"), "send-proxy-v2-ssl;send-proxy-v2-ssl-cn"),
        ForeignKeywords(.server, .harmless(advice: "write 'no-send-proxy-v2'"), "no-send-proxy-v2-ssl;no-send-proxy-v2-ssl-cn"),
        ForeignKeywords(
            .server, .decisive(checksServers),
            """
            agent-addr;agent-check;agent-inter;agent-port;agent-send;check-pool-conn-name;check-proto;check-reuse-pool;check-via-socks4;healthcheck;init-state
            track
            """),
        ForeignKeywords(.server, .decisive(choosesServers), "hash-key;maxqueue;minconn;non-stick;resolve-net;resolve-opts;stick"),
        ForeignKeywords(.server, .decisive(reachesServers), "interface;namespace;set-proxy-v2-tlv-fmt;socks4;source;tcp-md5sig;usesrc"),
        ForeignKeywords(.server, .http(advice: inHTTP), "cookie;redir"),
        ForeignKeywords(.server, .harmless(advice: "remove the option: 'maxconn' is strict"), "strict-maxconn"),
        ForeignKeywords(
            .server, .harmless(advice: "remove the option"),
            """
            cc;guid;id;idle-ping;log-bufsize;log-proto;max-reuse;no-agent-check;no-check-ssl;no-ssl;no-tfo;no-verifyhost;pool-conn-name;pool-low-conn
            pool-max-conn;pool-purge-delay;proto;shard;tfo;ws
            """),
        ForeignKeywords(.resolvers, .harmless(advice: "remove the line"), "hold stale;resolve_pool_purge_delay"),
    ]
}

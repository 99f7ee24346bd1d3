/// Keywords of HAProxy's proxies that tsukada does not support.
enum ProxyForeignKeywords {
    static let ofDefaults: [ForeignKeywords] =
        [
            // Lines of the files that Debian and Red Hat install.
            ForeignKeywords(.silent, "option httplog;option forwardfor"),
            ForeignKeywords(.silent, clientNames, serverNames),
            ForeignKeywords(
                .harmless(advice: "HAProxy refuses it in 'defaults' as well: move it to the proxies that need it"),
                clientRuleNames, ruleNames, "capture cookie;redirect;stats admin;stats http-request",
                "filter;filter cache;filter compression;filter fcgi-app;filter trace;dispatch;force-persist;ignore-persist"),
        ] + everywhere

    static let ofFrontend: [ForeignKeywords] =
        [ForeignKeywords(.silent, clientNames, clientRuleNames), ForeignKeywords(.http, serverNames, ruleNames)] + everywhere

    static let ofListen: [ForeignKeywords] =
        [ForeignKeywords(.silent, clientNames, clientRuleNames, serverNames), rules] + everywhere

    static let ofBackend: [ForeignKeywords] =
        [ForeignKeywords(.silent, serverNames), ForeignKeywords(.http, clientNames, clientRuleNames, ruleNames)] + everywhere

    /// HTTP keywords about clients, without and with rules, about servers, and about requests. HAProxy warns of the first three only in a section of the other
    /// side, and of the last ones in each TCP proxy.
    private static let clientNames = "max-session-srv-conns;option h1-case-adjust-bogus-client"
    private static let clientRuleNames = "capture request;capture response;declare;monitor fail;monitor"
    private static let serverNames = "dynamic-cookie-key;http-reuse;http-send-name-header;max-keep-alive-queue;option h1-case-adjust-bogus-server"
    private static let ruleNames = "http-request;http-response;http-after-response"
    private static let rules = ForeignKeywords(.http, ruleNames)

    /// The keywords that HAProxy reads as `option tcplog` in `mode tcp`.
    static let tcpLogs: Set<String> = ["option httplog", "option httpslog"]
    private static let uninvertible: Set<String> = ["option forwarded", "option forwardfor", "option http-restrict-req-hdr-names", "option originalto"]

    /// Whether `no` may precede one of these keywords, as in HAProxy.
    static func isInvertible(_ name: String) -> Bool { name.hasPrefix("option ") && !tcpLogs.contains(name) && !uninvertible.contains(name) }

    /// Whether a `defaults` section with a name may have this keyword, which others may not.
    static func isForNamedDefaults(_ name: String) -> Bool { rules.contains(name) }

    private static let everywhere: [ForeignKeywords] = http + outdated + unsupported

    private static let http: [ForeignKeywords] = [
        ForeignKeywords(
            .http,
            """
            capture cookie;cookie;monitor-uri;redirect;quic-initial
            stats admin;stats auth;stats enable;stats hide-version;stats http-request;stats realm;stats refresh;stats scope;stats show-desc
            stats show-legends;stats show-modules;stats show-node;stats show-version;stats uri
            option accept-invalid-http-request;option accept-invalid-http-response;option accept-unsafe-violations-in-http-request
            option accept-unsafe-violations-in-http-response;option checkcache;option disable-h2-upgrade;option forwarded;option forwardfor
            option http-buffer-request;option http-drop-request-trailers;option http-drop-response-trailers;option http-ignore-probes
            option http-no-delay;option http-pretend-keepalive;option http-use-proxy-header;option httplog;option httpslog
            option idle-close-on-response;option originalto;option prefer-last-server
            """),
        // In TCP proxies HAProxy ignores these without a message.
        ForeignKeywords(
            .silent,
            """
            compression algo;compression algo-req;compression algo-res;compression direction;compression minsize-req;compression minsize-res
            compression offload;compression type;compression type-req;compression type-res
            errorfile;errorfiles;errorloc;errorloc302;errorloc303;http-error;unique-id-header;filter cache;filter compression;filter fcgi-app
            option http-keep-alive;option http-restrict-req-hdr-names;option http-server-close;option httpclose
            timeout http-keep-alive;timeout http-request;timeout tarpit
            """),
        ForeignKeywords(.harmless(advice: "HAProxy refuses it in 'mode tcp' as well: keep HAProxy for the proxies that need it"), "use-fcgi-app"),
        ForeignKeywords(.ignored, "filter trace"),
    ]

    private static let outdated: [ForeignKeywords] = [
        ForeignKeywords(.removed(replacement: "write 'timeout client'"), "clitimeout"),
        ForeignKeywords(.removed(replacement: "write 'timeout server'"), "srvtimeout"),
        ForeignKeywords(.removed(replacement: "write 'timeout connect'"), "contimeout"),
        ForeignKeywords(.removed(replacement: "write 'option redispatch'"), "redispatch"),
        ForeignKeywords(.removed(replacement: "remove it: one process uses all cores"), "bind-process;process"),
        ForeignKeywords(.removed(replacement: "write a section 'probe'"), "monitor-net;grace"),
        ForeignKeywords(
            .removed(replacement: "in 'mode tcp' HAProxy ignored it, so remove it there; keep HAProxy for a proxy in 'mode http'"),
            """
            block;reqadd;reqallow;reqdel;reqdeny;reqiallow;reqidel;reqideny;reqipass;reqirep;reqitarpit;reqpass;reqrep;reqtarpit;rspadd;rspdel;rspdeny
            rspidel;rspideny;rspirep;rsprep;appsession;option forceclose;option tcp-smart-close;option http-tunnel;option http_proxy
            """),
    ]

    private static let unsupported: [ForeignKeywords] = [
        ForeignKeywords(.checksServers, "option spop-check"),
        ForeignKeywords(
            .harmless(advice: "write 'option tcplog'"),
            "log-format;log-format-sd;error-log-format;unique-id-format;log-profile;log-steps"),
        ForeignKeywords(
            .decisive("the keyword decides which sessions are served, and how"),
            "acl;tcp-request;tcp-response;filter;filter-sequence;rate-limit;be-unpublished;force-be-switch"),
        ForeignKeywords(
            .choosesServers,
            """
            stick;stick-table;persist;ignore-persist;hash-preserve-affinity;use-server
            transparent;option transparent
            """),
        ForeignKeywords(.encryption, "ssl-f-use"),
        ForeignKeywords(.harmless(advice: "remove the line, and watch the log for state changes"), "email-alert"),
        ForeignKeywords(.harmless(advice: "write a 'server' line with its address"), "dispatch"),
        ForeignKeywords(.removeLine, "guid;id;nice;option use-small-buffers"),
    ]
}

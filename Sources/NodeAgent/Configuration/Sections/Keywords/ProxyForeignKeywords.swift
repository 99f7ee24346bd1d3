/// Keywords of HAProxy's proxies that tsukada does not support.
enum ProxyForeignKeywords {
    static let ofDefaults: [ForeignKeywords] =
        everywhere + [
            ForeignKeywords(.dormant(advice: "only 'option httpchk' uses it, and tsukada does not support that"), "http-check")
        ]

    static let ofNamed: [ForeignKeywords] =
        everywhere + [
            ForeignKeywords(.checksServers, "http-check")
        ]

    private static let everywhere: [ForeignKeywords] = [
        ForeignKeywords(.removed(replacement: "write 'timeout client'"), "clitimeout"),
        ForeignKeywords(.removed(replacement: "write 'timeout server'"), "srvtimeout"),
        ForeignKeywords(.removed(replacement: "write 'timeout connect'"), "contimeout"),
        ForeignKeywords(.removed(replacement: "write 'option redispatch'"), "redispatch"),
        ForeignKeywords(.removed(replacement: "remove it: one process uses all cores"), "bind-process;process"),
        ForeignKeywords(.removed(replacement: "write a section 'probe'"), "monitor-net;grace"),
        ForeignKeywords(
            .removed(replacement: ForeignKeywords.Reason.ignoredInTCP),
            """
            block;reqadd;reqallow;reqdel;reqdeny;reqiallow;reqidel;reqideny;reqipass;reqirep;reqitarpit;reqpass;reqrep;reqtarpit;rspadd;rspdel;rspdeny
            rspidel;rspideny;rspirep;rsprep;appsession;option forceclose;option tcp-smart-close;option http-tunnel;option http_proxy
            """),
        ForeignKeywords(.http(advice: "write 'option tcplog' instead"), "option httplog;option httpslog"),
        ForeignKeywords(
            .http(advice: ForeignKeywords.Reason.ignoredInTCP + ", or answer a load balancer's check with a section 'probe' in 'mode http'"),
            "monitor-uri;monitor fail;monitor"),
        ForeignKeywords(
            .http(advice: ForeignKeywords.Reason.ignoredInTCP),
            """
            capture;compression;cookie;declare;dynamic-cookie-key;errorfile;errorfiles;errorloc;errorloc302;errorloc303;http-after-response;http-error
            http-request;http-response
            http-reuse;http-send-name-header;max-keep-alive-queue;max-session-srv-conns;redirect;stats;unique-id-header;use-fcgi-app;quic-initial
            option accept-invalid-http-request;option accept-invalid-http-response;option accept-unsafe-violations-in-http-request
            option accept-unsafe-violations-in-http-response;option checkcache;option disable-h2-upgrade;option forwarded;option forwardfor
            option h1-case-adjust-bogus-client;option h1-case-adjust-bogus-server;option http-buffer-request;option http-drop-request-trailers
            option http-drop-response-trailers;option http-ignore-probes;option http-keep-alive;option http-no-delay;option http-pretend-keepalive
            option http-restrict-req-hdr-names;option http-server-close;option http-use-proxy-header;option httpclose
            option idle-close-on-response;option originalto;option prefer-last-server;timeout http-keep-alive;timeout http-request;timeout tarpit
            """),
        ForeignKeywords(
            .checksServers,
            """
            option httpchk;option ldap-check;option pgsql-check;option redis-check;option smtpchk;option spop-check
            option ssl-hello-chk;option tcp-check;tcp-check
            """),
        ForeignKeywords(
            .harmless(advice: "write 'option tcplog'"),
            "log-format;log-format-sd;error-log-format;unique-id-format;log-profile;log-steps"),
        ForeignKeywords(
            .decisive("it decides which sessions are served, and how"),
            "acl;tcp-request;tcp-response;filter;filter-sequence;rate-limit;be-unpublished;force-be-switch"),
        ForeignKeywords(
            .choosesServers,
            """
            stick;stick-table;persist;ignore-persist;hash-type;hash-balance-factor;hash-preserve-affinity;use-server
            transparent;option transparent
            """),
        ForeignKeywords(.encryption, "ssl-f-use"),
        ForeignKeywords(.harmless(advice: "remove the line, and watch the log for state changes"), "email-alert"),
        ForeignKeywords(.harmless(advice: "write a 'server' line with its address"), "dispatch"),
        ForeignKeywords(
            .removeLine,
            "guid;id;nice;option use-small-buffers"),
    ]
}

extension GlobalSection {
    /// Keywords of HAProxy's `global` section that tsukada does not support.
    static let foreignKeywords: [ForeignKeywords] = [
        ForeignKeywords(
            .dormant(advice: "tsukada does not support TLS: remove it when HAProxy no longer reads this file"),
            """
            ca-base;crt-base;issuers-chain-path;key-base;ssl-default-bind-ciphers;ssl-default-bind-ciphersuites;ssl-default-bind-client-sigalgs
            ssl-default-bind-curves;ssl-default-bind-options;ssl-default-bind-sigalgs;ssl-default-server-ciphers;ssl-default-server-ciphersuites
            ssl-default-server-client-sigalgs;ssl-default-server-curves;ssl-default-server-options;ssl-default-server-sigalgs;ssl-dh-param-file
            ssl-engine;ssl-load-extra-del-ext;ssl-load-extra-files;ssl-mode-async;ssl-passphrase-cmd;ssl-propquery;ssl-provider;ssl-provider-path
            ssl-security-level;ssl-server-verify;ssl-skip-self-issued-ca;maxsslconn;maxsslrate;tune.ssl.*
            """),
        ForeignKeywords(
            .harmless(advice: "set the limit of the service instead (LimitNOFILE= in systemd)"), "ulimit-n;fd-hard-limit;maxsock;prealloc-fd"),
        ForeignKeywords(.harmless(advice: "let systemd start and restart the agent"), "mworker-max-reloads;mworker-prealloc"),
        ForeignKeywords(
            .harmless(advice: "set the variable in the service's unit, or write the value itself"), "setenv;presetenv;unsetenv;resetenv"),
        ForeignKeywords(.harmless(advice: "remove the line: only expressions use the variable, and tsukada does not support them"), "set-var;set-var-fmt"),
        ForeignKeywords(.harmless(advice: "remove the line, and write absolute paths"), "default-path"),
        ForeignKeywords(
            .harmless(advice: "remove the line: a reload keeps the counters, a restart does not"),
            "stats-file;shm-stats-file;shm-stats-file-max-objects"),
        ForeignKeywords(
            .harmless(advice: "remove the line, and write 'nbthread' to run on fewer cores"),
            "cpu-map;cpu-policy;cpu-set;numa-cpu-mapping;thread-group;thread-groups;thread-hard-limit;max-threads-per-group"),
        ForeignKeywords(.harmless(advice: "write 'drain' in a section 'probe': it keeps the ports open for that time"), "grace"),
        ForeignKeywords(.harmless(advice: "start with '-L NAME' where the file needs HAPROXY_LOCALPEER"), "localpeer"),
        ForeignKeywords(.removed(replacement: "write 'nbthread'"), "nbproc"),
        ForeignKeywords(.decisive("it limits the rate of new connections"), "maxconnrate;maxsessrate"),
        ForeignKeywords(
            .choosesClients, "harden.reject-privileged-ports.quic;harden.reject-privileged-ports.tcp;unix-bind"),
        ForeignKeywords(.reachesServers, "dns-accept-family;pp2-never-send-local"),
        ForeignKeywords(.decisive("its program may decide which sessions are served"), "lua-load;lua-load-per-thread;lua-prepend-path"),
        ForeignKeywords(
            .removeLine,
            """
            51degrees-allow-unmatched;51degrees-cache-size;51degrees-data-file;51degrees-difference;51degrees-drift;51degrees-property-name-list
            51degrees-property-separator;51degrees-use-performance-graph;51degrees-use-predictive-graph;acme.scheduler;anonkey;busy-polling
            cluster-secret;debug;deviceatlas-cookie-name;deviceatlas-json-file;deviceatlas-log-level;deviceatlas-properties-cookie;deviceatlas-separator
            expose-deprecated-directives;expose-experimental-directives;force-cfg-parser-pause;h1-accept-payload-with-any-method
            h1-case-adjust;h1-case-adjust-file;h1-do-not-close-on-insecure-transfer-encoding;h2-workaround-bogus-websocket-clients
            http-err-codes;http-fail-codes;httpclient.resolvers.disabled
            httpclient.resolvers.id;httpclient.resolvers.prefer;httpclient.retries;httpclient.ssl.ca-file;httpclient.ssl.verify;httpclient.timeout.connect
            insecure-setuid-wanted;limited-quic;log-send-hostname
            max-spread-checks;maxcompcpuusage;maxcomprate;maxpipes;maxzlibmem;no-memory-trimming;no-quic;noepoll;noevports
            nogetaddrinfo;nokqueue;nopoll;noreuseport;nosplice;ocsp-update.disable;ocsp-update.httpproxy;ocsp-update.maxdelay;ocsp-update.mindelay
            ocsp-update.mode;profiling.memory;profiling.tasks;quiet;set-dumpable;spread-checks;stats bind-process
            stats calculate-max-counters;strict-limits;warn-blocked-traffic-after;wurfl-cache-size;wurfl-data-file;wurfl-information-list
            wurfl-information-list-separator;wurfl-patch-file;zero-warning
            """),
        ForeignKeywords(.harmless(advice: "remove it: tsukada sizes its buffers and queues itself"), "tune.*"),
    ]
}

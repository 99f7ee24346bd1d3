extension GlobalSection {
    /// Keywords of HAProxy's `global` section that tsukada does not support.
    static let foreignKeywords: [ForeignKeywords] = silent + ignored + refused

    /// Lines of the files that Debian and Red Hat install.
    private static let silent = [
        ForeignKeywords(
            .silent, "ca-base;crt-base;ssl-default-bind-ciphers;ssl-default-bind-ciphersuites;ssl-default-bind-options;ssl-default-server-ciphers")
    ]

    /// Sizes, threads, pollers, diagnostics, and defaults for TLS, HTTP and Lua, which nothing in tsukada uses.
    private static let ignored = [
        ForeignKeywords(
            .ignored,
            """
            issuers-chain-path;key-base;ssl-default-bind-client-sigalgs;ssl-default-bind-curves;ssl-default-bind-sigalgs
            ssl-default-server-ciphersuites;ssl-default-server-client-sigalgs;ssl-default-server-curves;ssl-default-server-options
            ssl-default-server-sigalgs;ssl-dh-param-file;ssl-engine;ssl-load-extra-del-ext;ssl-load-extra-files;ssl-mode-async;ssl-passphrase-cmd
            ssl-propquery;ssl-provider;ssl-provider-path;ssl-security-level;ssl-server-verify;ssl-skip-self-issued-ca;maxsslconn;maxsslrate;noktls
            acme.scheduler;ocsp-update.disable;ocsp-update.httpproxy;ocsp-update.maxdelay;ocsp-update.mindelay;ocsp-update.mode;jwt.*
            """),
        ForeignKeywords(
            .ignored,
            """
            51degrees-allow-unmatched;51degrees-cache-size;51degrees-data-file;51degrees-difference;51degrees-drift;51degrees-property-name-list
            51degrees-property-separator;51degrees-use-performance-graph;51degrees-use-predictive-graph;deviceatlas-cookie-name;deviceatlas-json-file
            deviceatlas-log-level;deviceatlas-properties-cookie;deviceatlas-separator;wurfl-cache-size;wurfl-data-file;wurfl-information-list
            wurfl-information-list-separator;wurfl-patch-file;h1-accept-payload-with-any-method;h1-case-adjust;h1-case-adjust-file
            h1-do-not-close-on-insecure-transfer-encoding;h2-workaround-bogus-websocket-clients;http-err-codes;http-fail-codes;httpclient.*
            limited-quic;no-quic;lua-prepend-path;maxcompcpuusage;maxcomprate;maxzlibmem
            """),
        ForeignKeywords(
            .ignored,
            """
            anonkey;busy-polling;cluster-secret;cpu-affinity;cpu-map;cpu-policy;cpu-set;expose-deprecated-directives;expose-experimental-directives
            force-cfg-parser-pause;insecure-setuid-wanted;max-threads-per-group;maxpipes;maxsock;mworker-max-reloads;mworker-prealloc;no-memory-trimming
            noepoll;noevports;nogetaddrinfo;nokqueue;nopoll;noreuseport;nosplice;numa-cpu-mapping;prealloc-fd;profiling.memory;profiling.tasks;set-dumpable
            stats bind-process;stats calculate-max-counters;stress-level;strict-limits;thread-group;thread-groups;thread-hard-limit
            warn-blocked-traffic-after
            """),
        ForeignKeywords(
            .ignored,
            """
            tune.applet.zero-copy-forwarding;tune.buffers.limit;tune.buffers.reserve;tune.bufsize.large;tune.bufsize.small;tune.cli.max-payload-size
            tune.comp.maxlevel;tune.debug-file-directory;tune.defaults.purge;tune.disable-elf-symbols;tune.disable-fast-forward
            tune.disable-zero-copy-forwarding;tune.epoll.mask-events;tune.events.max-events-at-once;tune.fail-alloc;tune.fd.edge-triggered;tune.fd.tables
            tune.glitches.kill.cpu-usage;tune.h1.zero-copy-fwd-recv;tune.h1.zero-copy-fwd-send;tune.h2.*;tune.http.cookielen;tune.http.logurilen
            tune.http.maxhdr;tune.idle-pool.shared;tune.idletimer;tune.listener.default-shards;tune.listener.multi-queue;tune.lua.*
            tune.max-checks-per-thread;tune.max-rules-at-once;tune.maxpollevents;tune.maxrewrite;tune.memory.fail-alloc;tune.memory.hot-size
            tune.memory.pool-allocator;tune.notsent-lowat.client;tune.notsent-lowat.server;tune.pattern.cache-size;tune.peers.max-updates-at-once
            tune.pipesize;tune.pool-high-fd-ratio;tune.pool-low-fd-ratio;tune.pool.high-fd-ratio;tune.pool.low-fd-ratio;tune.pt.zero-copy-forwarding
            tune.quic.*;tune.rcvbuf.backend;tune.rcvbuf.frontend;tune.recv_enough;tune.renice.runtime;tune.renice.startup;tune.ring.queues
            tune.runqueue-depth;tune.sched.low-latency;tune.sndbuf.frontend;tune.ssl.*;tune.stick-counters;tune.streams-elasticity
            tune.takeover-other-tg-connections;tune.vars.check-max-size;tune.vars.global-max-size;tune.vars.proc-max-size;tune.vars.reqres-max-size
            tune.vars.sess-max-size;tune.vars.txn-max-size;tune.zlib.memlevel;tune.zlib.windowsize
            """),
    ]

    private static let refused = [
        ForeignKeywords(.harmless(advice: "remove the line: tsukada has no expressions that read variables of the process"), "set-var;set-var-fmt"),
        ForeignKeywords(
            .harmless(advice: "remove the line: a reload keeps the counters, a restart does not"),
            "stats-file;shm-stats-file;shm-stats-file-max-objects"),
        ForeignKeywords(.harmless(advice: "write 'drain' in a section 'probe': it keeps the ports open for that time"), "grace"),
        ForeignKeywords(.removed(replacement: "write 'tune.bufsize'"), "tune.chksize"),
        ForeignKeywords(.choosesClients, "harden.reject-privileged-ports.quic;harden.reject-privileged-ports.tcp"),
        ForeignKeywords(.reachesServers, "dns-accept-family;pp2-never-send-local"),
        ForeignKeywords(.decisive("its program may decide which sessions are served"), "lua-load;lua-load-per-thread"),
        ForeignKeywords(.removeLine, "debug;log-send-hostname"),
    ]
}

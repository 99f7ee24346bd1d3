extension ForeignKeywords {
    /// Line options that request TLS.
    fileprivate static let askingForTLS = ForeignKeywords(
        .encryption,
        """
        allow-0rtt;alpn;ca-file;ca-ignore-err;ca-sign-file;ca-sign-pass;ca-verify-file;check-alpn;check-sni;check-ssl;ciphers;ciphersuites;client-sigalgs
        crl-file;crt;crt-ignore-err;crt-list;curves;default-crt;ecdhe;ech;force-sslv3;force-tlsv10;force-tlsv11;force-tlsv12;force-tlsv13
        generate-certificates;no-alpn;no-ca-names;no-sslv3;no-ssl-reuse;no-strict-sni;no-tls-tickets;no-tlsv10;no-tlsv11;no-tlsv12;no-tlsv13;npn;ocsp-update
        prefer-client-ciphers;renegotiate;no-renegotiate;sigalgs;sni;sni-auto;no-sni-auto;check-sni-auto;no-check-sni-auto;ssl;ssl-max-ver;ssl-min-ver;ssl-reuse
        strict-sni;tls-ticket-keys;tls-tickets;verify;verifyhost;ktls
        """)
}

extension BindOptions {
    /// Options of HAProxy's `bind` lines that tsukada does not support.
    static let foreignKeywords: [ForeignKeywords] = [
        .askingForTLS,
        ForeignKeywords(.decisive("the load balancer sends the clients' addresses in this form"), "accept-netscaler-cip"),
        ForeignKeywords(.choosesClients, "tcp-md5sig"),
        ForeignKeywords(
            .removeOption,
            """
            cc;defer-accept;guid-prefix;idle-ping;label;nbconn;proto;quic-cc-algo;quic-force-retry
            quic-socket;tcp-ss
            """),
    ]
}

extension StatsSocketOptions {
    /// Options of HAProxy's `stats socket` lines that tsukada does not support.
    static let foreignKeywords: [ForeignKeywords] = [
        .askingForTLS,
        ForeignKeywords(
            .harmless(advice: "write a path in place of the address, so that only accounts of this host can connect"),
            "accept-proxy"),
    ]
}

extension ServerOptions {
    /// Options of HAProxy's `server` lines that tsukada does not support.
    static let foreignKeywords: [ForeignKeywords] = [
        .askingForTLS,
        ForeignKeywords(
            .harmless(advice: "write 'send-proxy-v2': tsukada has no TLS details to send"), "send-proxy-v2-ssl;send-proxy-v2-ssl-cn"),
        ForeignKeywords(.harmless(advice: "write 'no-send-proxy-v2'"), "no-send-proxy-v2-ssl;no-send-proxy-v2-ssl-cn"),
        ForeignKeywords(
            .checksServers,
            "check-pool-conn-name;check-proto;check-reuse-pool;check-via-socks4;healthcheck"),
        ForeignKeywords(.choosesServers, "non-stick;stick"),
        ForeignKeywords(.reachesServers, "interface;socks4;tcp-md5sig;usesrc"),
        ForeignKeywords(
            .harmless(advice: "HAProxy refuses it in 'mode tcp' as well: keep HAProxy for the proxies that need it"), "redir"),
        ForeignKeywords(
            .removeOption,
            "cc;idle-ping;log-bufsize;log-proto;no-check-reuse-pool;no-verifyhost;proto;shard"),
    ]
}

/// What HAProxy users rely on, section by section: each row has at least one case or line that runs on tsukada and on haproxy.
enum FeatureRow: String, CaseIterable, Sendable {
    // Options of `bind`
    case acceptProxy = "bind: accept-proxy"
    case bindLimits = "bind: name, id, maxconn, backlog, nice, process, thread, shards"
    case bindSockets = "bind: interface, mss, v4v6, v6only, transparent, tfo, defer-accept, tcp-ut"
    case bindPaths = "bind: user, group, uid, gid, mode, level, severity-output, abstract names"
    case bindTLS = "bind: ssl"

    // Proxies: balancing and resilience
    case roundrobin = "balance roundrobin"
    case leastconn = "balance leastconn"
    case otherAlgorithms = "balance static-rr, first, source, random"
    case hashes = "hash-type, hash-balance-factor, hash-key"
    case serverLines = "server, default-server, server-template, ports"
    case retries = "retries, option redispatch, retry-on"
    case backups = "backup, option allbackups"
    case limits = "fullconn, minconn, maxconn, maxqueue, timeout queue"
    case source = "source"
    case namespace = "bind, server: namespace"
    case externalCheck = "option external-check"
    case serverState = "load-server-state-from-file"
    case connections = "keep-alive, tcp-smart-*, nolinger"
    case lastCheckWins = "the last kind of check wins"
    case logOptions = "logasap, log-separate-errors, dontlog-normal"

    // Options of `server`
    case check = "server: check"
    case intervals = "server: inter, fastinter, downinter"
    case riseFall = "server: rise, fall"
    case checkAddress = "server: port, addr, check-send-proxy"
    case weight = "server: weight"
    case markedDown = "server: on-marked-down"
    case markedUp = "server: on-marked-up"
    case slowStart = "server: slowstart"
    case observe = "server: observe, error-limit, on-error"
    case track = "server: track"
    case agent = "server: agent-*"
    case initialAddress = "server: init-addr"
    case initialState = "server: init-state"
    case serverNames = "server: resolvers, resolve-prefer, resolve-net, resolve-opts"
    case sendProxy = "server: send-proxy, send-proxy-v2, proxy-v2-options"
    case disabled = "server: disabled, enabled"
    case serverLabels = "server: id, cookie, redir, guid, ws, pool-*, max-reuse"
    case serverTLS = "server: ssl, check-ssl, no-ssl, no-check-ssl, socks4"

    // Checks
    case connectCheck = "check: a connect"
    case mysqlCheck = "check: mysql-check"
    case pgsqlCheck = "check: pgsql-check"
    case redisCheck = "check: redis-check"
    case tcpCheck = "check: tcp-check"
    case httpCheck = "check: httpchk, http-check"
    case otherChecks = "check: smtpchk, ldap-check, ssl-hello-chk"
    case resultCodes = "check: the result codes"

    // Other sections
    case nameservers = "resolvers: nameserver, parse-resolv-conf, accepted_payload_size"
    case resolvePace = "resolvers: resolve_retries, timeout"
    case hold = "resolvers: hold"
    case serviceRecords = "resolvers: SRV records"
    case otherSections = "userlist, peers, ring, mailers, cache"
    case environment = "global: setenv, unix-bind, tune.*, spread-checks"
}

extension PlantedError {
    /// Errors in the section `database`.
    static let database: [PlantedError] = [
        PlantedError(
            "database-unknown-keyword", line: 49,
            #"unknown keyword 'max-lagg' in section 'database replicas'"#,
            #"did you mean 'max-lag'?"#),
        PlantedError(
            "database-unknown-proxy", line: 45,
            #"unknown backend or listen 'replica' after 'database' in section 'database replica'"#,
            #"did you mean 'replicas'?"#),
        PlantedError(
            "database-no-name", line: 45,
            #"missing argument after 'database' in section 'database'"#,
            #"write 'database <proxy>'"#),
        PlantedError(
            "database-second-section", line: 50,
            #"duplicate 'database' section 'replicas' in section 'database replicas'"#,
            #"the first is at haproxy.cfg:45: give this one another name"#),
        PlantedError(
            "database-no-user", line: 45,
            #"missing 'user' in section 'database replicas'"#,
            #"write 'user NAME'"#),
        PlantedError(
            "database-relative-password", line: 47,
            #"'password-file' without an absolute path in section 'database replicas'"#,
            #"put the password in a file: write 'password-file /etc/tsukada/check.password'"#),
        PlantedError(
            "database-password", line: 47,
            #"unknown keyword 'password' in section 'database replicas'"#,
            #"did you mean 'password-file'?"#),
        PlantedError(
            "database-password-joined", line: 47,
            #"unknown keyword 'password=...' in section 'database replicas'"#,
            #"did you mean 'password-file'?"#),
        PlantedError(
            "database-password-after-user", line: 46,
            #"more than one word after 'user' in section 'database replicas'"#,
            #"put the password in a file: write 'password-file /etc/tsukada/check.password'"#),
        PlantedError(
            "database-password-after-file", line: 47,
            #"more than one word after 'password-file' in section 'database replicas'"#,
            #"put the password in a file: write 'password-file /etc/tsukada/check.password'"#),
        PlantedError(
            "database-relative-ca", line: 49,
            #"invalid value 'rds.pem' for 'ca-file' in section 'database replicas'"#,
            #"write an absolute path such as /etc/ssl/certs/rds-global-bundle.pem"#),
        PlantedError(
            "database-unknown-role", line: 48,
            #"unknown word 'slave' after 'role' in section 'database replicas'"#,
            #"write one of replica, primary, any"#),
        PlantedError(
            "database-unknown-tls", line: 49,
            #"unknown word 'required' after 'tls' in section 'database replicas'"#,
            #"did you mean 'require'?"#),
        PlantedError(
            "database-unknown-lag-source", line: 49,
            #"unknown word 'heartbeats' after 'lag-source' in section 'database replicas'"#,
            #"did you mean 'heartbeat'?"#),
        PlantedError(
            "database-no-table", line: 49,
            #"missing argument after 'lag-source' in section 'database replicas'"#,
            #"write 'lag-source replica-status|heartbeat [<schema.table>]'"#),
        PlantedError(
            "database-bad-table", line: 49,
            #"invalid value 'ops.heartbeat; drop' for 'lag-source heartbeat' in section 'database replicas'"#,
            #"write a table with its schema, of letters, digits, '_', '$' and '-', such as ops.heartbeat"#),
        PlantedError(
            "database-zero-lag", line: 49,
            #"invalid value '0' for 'max-lag' in section 'database replicas'"#,
            #"write a time from 1ms to 24d such as 500ms, 10s or 5m (units us, ms, s, m, h, d; ms without one)"#),
        PlantedError(
            "database-weight-without-lag", line: 49,
            #"missing 'max-lag' in section 'database replicas'"#,
            #"write 'max-lag 10s'"#),
        PlantedError(
            "database-min-up-high", line: 49,
            #"invalid value '4' for 'min-up' in section 'database replicas'"#,
            #"write a number from 0 to 3, the servers of 'replicas'"#),
        PlantedError(
            "database-unquoted-query", line: 49,
            #"invalid value 'SELECT' for 'query' in section 'database replicas'"#,
            #"write one statement in quotes, and the value that it must return: query "SELECT @@wsrep_ready" expect 1"#),
        PlantedError(
            "database-query-without-answer", line: 49,
            #"missing argument after 'query' in section 'database replicas'"#,
            #"write 'query <sql> expect <value>'"#),
        PlantedError(
            "database-short-interval", line: 49,
            #"invalid value '10ms' for 'interval' in section 'database replicas'"#,
            #"write a time from 100ms to 1h"#),
        PlantedError(
            "database-ca-without-tls", line: 50,
            #"'ca-file' has no effect in section 'database replicas'"#,
            #"without TLS no certificate is checked: write 'tls require', or remove the line"#),
        PlantedError(
            "database-unchecked-server", line: 38,
            #"server 'read02' without 'check' in section 'database replicas'"#,
            #"it would never be checked: add 'check' to its line"#),
        PlantedError(
            "database-discover-unknown-proxy", line: 48,
            #"unknown backend or listen 'report' after 'discover' in section 'database replicas'"#,
            #"did you mean 'reports'?"#),
        PlantedError(
            "database-discover-own-proxy", line: 48,
            #"invalid value 'replicas' for 'discover' in section 'database replicas'"#,
            #"write the proxy for reads: 'discover' cannot fill the proxy of the primary itself"#),
        PlantedError(
            "database-discover-replica", line: 49,
            #"'discover' without 'role primary' in section 'database replicas'"#,
            #"only a primary lists replicas: write 'role primary', or remove the line"#),
        PlantedError(
            "database-discover-no-template", line: 48,
            #"'discover' of a proxy without 'server-template' in section 'database replicas'"#,
            #"'reports' has no servers to fill: write 'server-template read 8 replicas.mysql:3306 check' there, without 'resolvers'"#),
        PlantedError(
            "database-discover-resolvers", line: 49,
            #"'discover' of servers with 'resolvers' in section 'database replicas'"#,
            #"a nameserver fills 'slot1' of 'reports': remove its 'resolvers', or 'discover'"#),
        PlantedError(
            "database-discover-primary", line: 49,
            #"'discover' of a proxy with 'role primary' in section 'database replicas'"#,
            #"replicas take no writes: name the proxy for reads"#),
        PlantedError(
            "database-discover-two-names", line: 50,
            #"'discover' of two names in section 'database replicas'"#,
            #"each replica would appear twice: give 'other1' the same host name as 'slot1'"#),
        PlantedError(
            "database-discover-unchecked", line: 49,
            #"'discover' of servers without 'check' in section 'database replicas'"#,
            #"an unchecked address gets no sessions: add 'check' to 'slot1'"#),
        PlantedError(
            "database-discover-bad-hold", line: 49,
            #"unknown word 'keep' after 'discover' in section 'database replicas'"#,
            #"write 'hold'"#),
        PlantedError(
            "database-discover-twice", line: 59,
            #"duplicate 'discover' of 'reports' in section 'database other'"#,
            #"haproxy.cfg:49 already fills it, and a proxy takes the replicas of one primary: remove one of the two"#),
    ]
}

extension PlantedError {
    /// Errors in the section `gossip`.
    static let gossip: [PlantedError] = [
        PlantedError(
            "gossip-unknown-keyword", line: 49,
            #"unknown keyword 'probe-intervall' in section 'gossip shop'"#,
            #"did you mean 'probe-interval'?"#),
        PlantedError(
            "gossip-unknown-policy", line: 49,
            #"unknown word 'fastdown' after 'policy' in section 'gossip shop'"#,
            #"did you mean 'fast-down'?"#),
        PlantedError(
            "gossip-unknown-scope", line: 49,
            #"unknown word 'clustre' after 'admin-scope' in section 'gossip shop'"#,
            #"did you mean 'cluster'?"#),
        PlantedError(
            "gossip-one-node", line: 46,
            #"only one 'node' in section 'gossip shop'"#,
            #"a cluster needs at least two: add a line 'node NAME ADDRESS:PORT' for each other node, or remove the section"#),
        PlantedError(
            "gossip-no-node", line: 45,
            #"missing 'node' in section 'gossip shop'"#,
            #"write 'node NAME ADDRESS:7946'"#),
        PlantedError(
            "gossip-no-name", line: 45,
            #"missing argument after 'gossip' in section 'gossip'"#,
            #"write 'gossip <name>'"#),
        PlantedError(
            "gossip-second-section", line: 50,
            #"duplicate section 'gossip' in section 'gossip reports'"#,
            #"a node belongs to one cluster, that of haproxy.cfg:45: remove this section"#),
        PlantedError(
            "gossip-duplicate-name", line: 49,
            #"duplicate node 'tsukada01' in section 'gossip shop'"#,
            #"the first is at haproxy.cfg:46: give this one another name"#),
        PlantedError(
            "gossip-duplicate-address", line: 49,
            #"invalid value '10.0.1.11:7946' for 'node' in section 'gossip shop'"#,
            #"write an address that no other node has: it belongs to the node at haproxy.cfg:47"#),
        PlantedError(
            "gossip-too-many-nodes", line: 63,
            #"more than 16 nodes in a cluster in section 'gossip shop'"#,
            #"write at most 16"#),
        PlantedError(
            "gossip-no-port", line: 47,
            #"invalid value '10.0.1.11' for 'node' in section 'gossip shop'"#,
            #"write an address and a port, such as 10.0.1.10:7946 or tsukada01.internal:7946"#),
        PlantedError(
            "gossip-port-zero", line: 47,
            #"invalid value '10.0.1.11:0' for 'node' in section 'gossip shop'"#,
            #"write a port from 1 to 65535 after the last colon"#),
        PlantedError(
            "gossip-bad-address", line: 47,
            #"invalid value '10.0.1.256:7946' for 'node' in section 'gossip shop'"#,
            #"write an address and a port, such as 10.0.1.10:7946 or tsukada01.internal:7946"#),
        PlantedError(
            "gossip-multicast", line: 47,
            #"invalid value '224.0.0.1:7946' for 'node' in section 'gossip shop'"#,
            #"write an address and a port, such as 10.0.1.10:7946 or tsukada01.internal:7946"#),
        PlantedError(
            "gossip-two-families", line: 47,
            #"invalid value '[fd00::11]:7946' for 'node' in section 'gossip shop'"#,
            #"write an address of the same family (IPv4 or IPv6) as all others: a node has only one socket"#),
        PlantedError(
            "gossip-any-address", line: 47,
            #"invalid value '*:7946' for 'node' in section 'gossip shop'"#,
            #"write an address and a port, such as 10.0.1.10:7946 or tsukada01.internal:7946"#),
        PlantedError(
            "gossip-bind-port", line: 49,
            #"invalid value 'tsukada01.internal' for 'bind' in section 'gossip shop'"#,
            #"write an address and a port, such as 10.0.1.10:7946, tsukada01.internal:7946 or *:7946"#),
        PlantedError(
            "gossip-no-key", line: 46,
            #"missing 'key-file' in section 'gossip shop'"#,
            #"other hosts can reach 10.0.1.10:7946: run '(umask 077; tsukada keygen > /etc/tsukada/gossip.key)', copy the file to all nodes, and add a line 'key-file /etc/tsukada/gossip.key'"#
        ),
        PlantedError(
            "gossip-relative-key", line: 48,
            #"invalid value 'gossip.key' for 'key-file' in section 'gossip shop'"#,
            #"write an absolute path such as /etc/tsukada/gossip.key"#),
        PlantedError(
            "gossip-relative-state", line: 49,
            #"invalid value 'state' for 'state-dir' in section 'gossip shop'"#,
            #"write an absolute path such as /var/lib/tsukada"#),
        PlantedError(
            "gossip-fast-probes", line: 49,
            #"invalid value '10ms' for 'probe-interval' in section 'gossip shop'"#,
            #"write a time from 50ms to 5s"#),
        PlantedError(
            "gossip-late-death", line: 49,
            #"invalid value '5m' for 'dead-after' in section 'gossip shop'"#,
            #"write a time of at most 60s, and at least three times the 'probe-interval'"#),
        PlantedError(
            "gossip-early-death", line: 49,
            #"invalid value '500ms' for 'dead-after' in section 'gossip shop'"#,
            #"write 'dead-after 540ms' or more: three times the 'probe-interval' of 180ms"#),
        PlantedError(
            "gossip-slow-probes", line: 49,
            #"invalid value '1s' for 'dead-after' in section 'gossip shop'"#,
            #"write 'dead-after 3s' or more: three times the 'probe-interval' of 1s"#),
        PlantedError(
            "gossip-any-down", line: 50,
            #"invalid value '0' for 'min-up' in section 'gossip shop'"#,
            #"write a number from 1 to 4096: with 'policy any-down' a peer's mistake must not take out the last server"#),
        PlantedError(
            "gossip-min-up", line: 49,
            #"invalid value '-1' for 'min-up' in section 'gossip shop'"#,
            #"write a number from 0 to 4096"#),
    ]
}

import Support

/// Packet filters on a node, by nftables. A node has one rule at a time.
extension Node {
    /// Rejects matching packets that leave the node, with a reset or an ICMP message; with `nil`, ends all filters.
    func refuse(_ match: String?) throws {
        guard let match else { return try flushFilters() }
        let verdict = match.hasPrefix("tcp") ? "reject with tcp reset" : "reject"
        try filter("output", "\(match) \(verdict)")
    }

    /// Silently drops matching packets that arrive at the node.
    func drop(_ match: String) throws { try filter("input", "\(match) drop") }

    /// Sets a rule for packets at `hook`: `tcp dport 3306 drop`.
    func filter(_ hook: String, _ rule: String) throws {
        try demand(["nft", "flush ruleset; table inet failover { chain \(hook) { type filter hook \(hook) priority 0; \(rule); }; }"])
    }

    /// Redirects new connections from other nodes that match (`tcp dport 3306`) to another local port.
    func redirect(_ match: String, to port: Int) throws {
        let rule = "iifname \"eth0\" \(match) redirect to :\(port)"
        try demand(["nft", "flush ruleset; table ip failover { chain incoming { type nat hook prerouting priority -100; \(rule); }; }"])
    }

    /// Removes all rules.
    func flushFilters() throws { try demand(["nft", "flush ruleset"]) }

    /// Stops redirecting new connections. The chain stays, because existing redirected connections would fall silent without its address translation.
    func endRedirect() throws {
        try demand(["nft", "flush ruleset; table ip failover { chain incoming { type nat hook prerouting priority -100; }; }"])
    }
}

import Support

/// What a node's packets meet: one rule at a time, by nftables.
extension Node {
    /// Refuses packets that leave here and match, with a reset or an ICMP message; no packet any more when nil.
    func refuse(_ match: String?) throws {
        guard let match else { return try flushFilters() }
        let verdict = match.hasPrefix("tcp") ? "reject with tcp reset" : "reject"
        try filter("output", "\(match) \(verdict)")
    }

    /// Drops packets that come in here and match, without a word.
    func drop(_ match: String) throws { try filter("input", "\(match) drop") }

    /// One rule for packets on their way through `hook`: `tcp dport 3306 drop`.
    func filter(_ hook: String, _ rule: String) throws {
        try demand(["nft", "flush ruleset; table inet failover { chain \(hook) { type filter hook \(hook) priority 0; \(rule); }; }"])
    }

    /// Leads what comes from other nodes and matches (`tcp dport 3306`) to another port here, when its connection is new.
    func redirect(_ match: String, to port: Int) throws {
        let rule = "iifname \"eth0\" \(match) redirect to :\(port)"
        try demand(["nft", "flush ruleset; table ip failover { chain incoming { type nat hook prerouting priority -100; \(rule); }; }"])
    }

    /// Takes every rule away.
    func flushFilters() throws { try demand(["nft", "flush ruleset"]) }

    /// Leads new connections nowhere else any more. Those that were led go on: without a chain of this type nothing would translate them, and they would be silent.
    func endRedirect() throws {
        try demand(["nft", "flush ruleset; table ip failover { chain incoming { type nat hook prerouting priority -100; }; }"])
    }
}

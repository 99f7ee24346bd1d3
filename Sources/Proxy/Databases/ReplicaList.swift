import Wire

/// The replicas that a primary lists: the hosts that read its binary log.
package struct ReplicaList: Equatable, Sendable {
    /// Why a list may lack replicas.
    package enum Flaw: Equatable, Sendable {
        /// It was refused, or the right to see others' sessions is missing, without which they are left out.
        case refused(DatabaseComplaint)
        /// A host stands there as this, which is no address that anybody can be reached at.
        case unusable(String)
        /// It goes on after `hostsMax`.
        case tooLong
    }

    /// Lines of one list; what comes after them is left out.
    package static let hostsMax = 256
    /// What is asked. Without PROCESS the first one gives the own sessions alone, and no error; the second one, which costs nothing, is refused then.
    package static let statements = [
        "SELECT HOST FROM information_schema.PROCESSLIST WHERE COMMAND IN ('Binlog Dump', 'Binlog Dump GTID') LIMIT \(hostsMax + 1)",
        "SELECT 1 FROM information_schema.INNODB_CMP LIMIT 1",
    ]

    /// IPv4 first, ascending, each once.
    package private(set) var hosts: [IPAddress] = []
    /// Why it may lack some; `nil` for a complete one, which may be empty.
    package private(set) var flaw: Flaw?

    /// What the answers to `statements` tell.
    ///
    /// - Parameters:
    ///   - lines: the first column of the first answer.
    ///   - refusal: why one of the statements was refused.
    package init(_ lines: [String?], refusal: DatabaseComplaint? = nil) {
        for line in lines.prefix(Self.hostsMax) {
            switch Self.host(line ?? "") {
            case .some(.some(let host)): hosts.append(host)
            case .some(.none): continue
            case .none: if flaw == nil { flaw = .unusable(DatabaseComplaint.shown(line ?? "", bytesMax: 64)) }
            }
        }
        if lines.count > Self.hostsMax { flaw = flaw ?? .tooLong }
        if let refusal { flaw = .refused(refusal) }
        hosts = Set(hosts).sorted { Self.order($0).lexicographicallyPrecedes(Self.order($1)) }
    }

    /// The host of "10.0.0.1:51234" or "2001:db8::1:51234", as the list has them; `.some(nil)` for the primary's own host, whose readers are no replicas of use;
    /// `nil` for what is no address, and for those that are nobody's.
    private static func host(_ line: String) -> IPAddress?? {
        let colon = line.lastIndex(of: ":")
        let name = colon.map { line[..<$0] } ?? line[...]
        if name == "localhost" { return .some(nil) }
        switch IPAddress(name) ?? IPAddress(line) {
        case nil: return nil
        case .v4(let bits):
            // 127.0.0.0/8; 0.0.0.0/8, multicast and what lies beyond it.
            if bits >> 24 == 127 { return .some(nil) }
            return bits >> 24 == 0 || bits >> 28 >= 0xe ? nil : .v4(bits)
        case .v6(0, 1): return .some(nil)
        // A v4 address in v6 clothes.
        case .v6(0, let low) where low >> 32 == 0xffff: return host("\(IPAddress.v4(UInt32(truncatingIfNeeded: low)))")
        case .v6(let high, let low): return high == 0 || high >> 56 == 0xff ? nil : .v6(high: high, low: low)
        }
    }

    private static func order(_ host: IPAddress) -> [UInt64] {
        switch host {
        case .v4(let bits): [0, 0, UInt64(bits)]
        case .v6(let high, let low): [1, high, low]
        }
    }
}

/// What a section with `discover` knows of the replicas that its writer lists. Pure.
package struct ReplicaDiscovery: Equatable, Sendable {
    /// A trouble that is over before is not told: after a promotion replicas come one by one.
    package static let troubleAfter = Duration.seconds(5)
    /// ER_DBACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR.
    private static let rightsErrors = [1044, 1142, 1227]

    /// The writer's last list with somebody on it; empty before the first.
    package private(set) var hosts: [IPAddress] = []
    /// What is wrong with the last list; `nil` for nothing.
    package private(set) var trouble: String?
    private var troubleSince: Instant?
    private var isTold = false

    /// Nothing known.
    package init() {}

    /// Takes the list of the writer named `writer`, and gives the line for the log that follows.
    ///
    /// - Parameter user: who has asked.
    package mutating func take(_ list: ReplicaList, of writer: String, user: String, now: Instant) -> DatabaseWatch.News? {
        if !list.hosts.isEmpty { hosts = list.hosts }
        guard let next = Self.trouble(with: list, of: writer, user: user) else {
            defer { (trouble, troubleSince, isTold) = (nil, nil, false) }
            return isTold ? DatabaseWatch.News(level: .notice, text: "\(writer) lists its replicas again") : nil
        }
        if next != trouble { (trouble, troubleSince, isTold) = (next, now, false) }
        guard !isTold, let since = troubleSince, since.duration(to: now) >= Self.troubleAfter else { return nil }
        isTold = true
        if case .refused = list.flaw { return DatabaseWatch.News(level: .alert, text: next) }
        return DatabaseWatch.News(level: .warning, text: next)
    }

    private static func trouble(with list: ReplicaList, of writer: String, user: String) -> String? {
        switch list.flaw {
        case .refused(let complaint):
            "\(writer) does not list its replicas: \(complaint.description)\(rightsErrors.contains(complaint.code) ? ": GRANT PROCESS ON *.* TO '\(user)'" : ""): none goes meanwhile"
        case .unusable(let line):
            "\(writer) lists '\(line)' among its replicas, which is no address to go to: none goes meanwhile; with skip_name_resolve it lists addresses"
        case .tooLong: "\(writer) lists more than \(ReplicaList.hostsMax) replicas: the rest is left out, and none goes"
        case nil: list.hosts.isEmpty ? "\(writer) lists no replica: those that are known stay" : nil
        }
    }
}

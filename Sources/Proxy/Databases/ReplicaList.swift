import Wire

/// The replicas in a primary's list: the hosts that read its binary log.
package struct ReplicaList: Equatable, Sendable {
    /// Why a list may be incomplete.
    package enum Flaw: Equatable, Sendable {
        /// The statement was refused, or the user lacks the right to see other users' sessions.
        case refused(DatabaseProblem)
        /// A listed host is not an address that can be connected to.
        case unusable(String)
        /// There are more than `hostsMax` replicas.
        case tooLong
    }

    /// The most lines that are read from a list.
    package static let hostsMax = 256
    /// The statements. Without PROCESS the first one returns only the user's own sessions and no error. The second one is cheap and fails in that case.
    package static let statements = [
        "SELECT HOST FROM information_schema.PROCESSLIST WHERE COMMAND IN ('Binlog Dump', 'Binlog Dump GTID') LIMIT \(hostsMax + 1)",
        "SELECT 1 FROM information_schema.INNODB_CMP LIMIT 1",
    ]

    /// The addresses without duplicates, IPv4 first, ascending.
    package private(set) var hosts: [IPAddress] = []
    /// Why replicas may be missing; `nil` for a complete list, which may be empty.
    package private(set) var flaw: Flaw?

    /// Creates the list from the answers to `statements`.
    ///
    /// - Parameters:
    ///   - lines: the first column of the first answer.
    ///   - refusal: why a statement was refused.
    package init(_ lines: [String?], refusal: DatabaseProblem? = nil) {
        for line in lines.prefix(Self.hostsMax) {
            switch Self.host(line ?? "") {
            case .some(.some(let host)): hosts.append(host)
            case .some(.none): continue
            case .none: if flaw == nil { flaw = .unusable(DatabaseProblem.shown(line ?? "", bytesMax: 64)) }
            }
        }
        if lines.count > Self.hostsMax { flaw = flaw ?? .tooLong }
        if let refusal { flaw = .refused(refusal) }
        hosts = Set(hosts).sorted { Self.order($0).lexicographicallyPrecedes(Self.order($1)) }
    }

    /// The host in "10.0.0.1:51234" or "2001:db8::1:51234", the format of the list. Returns `.some(nil)` for the primary's own host, where no usable replica
    /// runs, and `nil` for anything that is not the address of a host.
    private static func host(_ line: String) -> IPAddress?? {
        let colon = line.lastIndex(of: ":")
        let name = colon.map { line[..<$0] } ?? line[...]
        if name == "localhost" { return .some(nil) }
        switch IPAddress(name) ?? IPAddress(line) {
        case nil: return nil
        case .v4(let bits):
            // Loopback is 127.0.0.0/8. Excluded are 0.0.0.0/8, and 224.0.0.0 and above (multicast, reserved).
            if bits >> 24 == 127 { return .some(nil) }
            return bits >> 24 == 0 || bits >> 28 >= 0xe ? nil : .v4(bits)
        case .v6(0, 1): return .some(nil)
        // An IPv4-mapped address.
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

/// The state of discovery: the replicas in the writer's list, and problems with it. It does no I/O.
package struct ReplicaDiscovery: Equatable, Sendable {
    /// The time before a problem is reported. After a promotion replicas connect one by one.
    package static let problemReportDelay = Duration.seconds(5)
    /// ER_DBACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR.
    private static let permissionErrors = [1044, 1142, 1227]

    /// The writer's last non-empty list; empty before the first.
    package private(set) var hosts: [IPAddress] = []
    /// The problem with the last list; `nil` without one.
    package private(set) var problem: String?
    private var problemSince: Instant?
    private var isReported = false

    /// Creates the initial state.
    package init() {}

    /// Applies the list of the writer named `writer`. Returns a line to log, if there is one.
    ///
    /// - Parameter user: the user that has asked.
    package mutating func apply(_ list: ReplicaList, of writer: String, user: String, now: Instant) -> DatabaseWatch.LogEntry? {
        if !list.hosts.isEmpty { hosts = list.hosts }
        guard let next = Self.problem(with: list, of: writer, user: user) else {
            defer { (problem, problemSince, isReported) = (nil, nil, false) }
            return isReported ? DatabaseWatch.LogEntry(level: .notice, text: "\(writer) lists its replicas again") : nil
        }
        if next != problem { (problem, problemSince, isReported) = (next, now, false) }
        guard !isReported, let since = problemSince, since.duration(to: now) >= Self.problemReportDelay else { return nil }
        isReported = true
        if case .refused = list.flaw { return DatabaseWatch.LogEntry(level: .alert, text: next) }
        return DatabaseWatch.LogEntry(level: .warning, text: next)
    }

    private static func problem(with list: ReplicaList, of writer: String, user: String) -> String? {
        switch list.flaw {
        case .refused(let problem):
            "\(writer) refuses to list its replicas: \(problem.description); known replicas stay"
                + (permissionErrors.contains(problem.code) ? "; run GRANT PROCESS ON *.* TO '\(user)'" : "")
        case .unusable(let line):
            "\(writer) lists replica '\(line)', which is not a usable address; known replicas stay; set skip_name_resolve so that it lists addresses"
        case .tooLong: "\(writer) lists more than \(ReplicaList.hostsMax) replicas; further ones are ignored, known replicas stay"
        case nil: list.hosts.isEmpty ? "\(writer) lists no replicas; known replicas stay" : nil
        }
    }
}

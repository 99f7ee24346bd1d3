import Wire

/// The kinds of rows. The raw value is the `type` column, and the number of the bit in `show stat`'s type mask.
enum StatisticsRowKind: Int, Sendable {
    case frontend = 0
    case backend = 1
    case server = 2
    case socket = 3
}

/// The input for a line of `show stat`.
struct StatisticsRow<Values: Sendable>: Sendable {
    /// The proxy that the row belongs to.
    let proxy: ProxyOutline
    /// The row's values.
    let values: Values
    /// False for a reader of level `user`, who does not see addresses.
    var showsAddresses = true
    /// Whether servers may have been left out: a backend's status then includes the numbers of running servers and of all servers.
    var countsServers = false
}

/// How rows of one kind fill a column.
enum StatisticsField<Values: Sendable>: Sendable {
    /// The same text in every row.
    case constant(String)
    /// A number; empty for `nil`.
    case number(@Sendable (StatisticsRow<Values>) -> Int?)
    /// A text; empty for `nil`.
    case text(@Sendable (StatisticsRow<Values>) -> String?)

    /// Empty in every row.
    static var empty: StatisticsField { .constant("") }
}

/// One column of `show stat`: its name, and its field for each kind of row.
struct StatisticsColumn: Sendable {
    /// The name in the header.
    let name: String
    /// The field of frontend rows.
    let frontend: StatisticsField<FrontendStatistics>
    /// The field of backend rows.
    let backend: StatisticsField<BackendStatistics>
    /// The field of server rows.
    let server: StatisticsField<ServerStatistics>
    /// The field of rows of binds.
    let socket: StatisticsField<SocketStatistics>

    /// A column with these fields; other kinds are empty.
    init(
        _ name: String, frontend: StatisticsField<FrontendStatistics> = .empty, backend: StatisticsField<BackendStatistics> = .empty,
        server: StatisticsField<ServerStatistics> = .empty, socket: StatisticsField<SocketStatistics> = .empty
    ) {
        (self.name, self.frontend, self.backend, self.server, self.socket) = (name, frontend, backend, server, socket)
    }

    /// A column whose value is the same in all rows of a proxy.
    static func proxy(_ name: String, _ read: @escaping @Sendable (ProxyOutline) -> String) -> StatisticsColumn {
        StatisticsColumn(
            name, frontend: .text { read($0.proxy) }, backend: .text { read($0.proxy) }, server: .text { read($0.proxy) }, socket: .text { read($0.proxy) })
    }

    /// A column about sessions, which every kind counts.
    ///
    /// - Parameter ofSocket: the number in rows of binds; `nil` for a column that HAProxy leaves empty there.
    static func sessions(
        _ name: String, ofSocket: (@Sendable (SessionStatistics) -> Int?)? = nil, _ read: @escaping @Sendable (SessionStatistics) -> Int?
    ) -> StatisticsColumn {
        StatisticsColumn(
            name, frontend: .number { read($0.values.sessions) }, backend: .number { read($0.values.sessions) },
            server: .number { read($0.values.sessions) }, socket: ofSocket.map { ofSocket in .number { ofSocket($0.values.sessions) } } ?? .empty)
    }

    /// A column of servers and backends.
    static func serving(_ name: String, _ read: @escaping @Sendable (ServingStatistics) -> Int?) -> StatisticsColumn {
        StatisticsColumn(name, backend: .number { read($0.values.serving) }, server: .number { read($0.values.serving) })
    }

    /// A text column about a server's checks; empty during maintenance, when the server is not checked.
    static func check(_ name: String, text read: @escaping @Sendable (CheckStatistics) -> String?) -> StatisticsColumn {
        StatisticsColumn(name, server: .text { $0.values.shownCheck.flatMap(read) })
    }

    /// A number column about a server's checks; empty during maintenance.
    static func check(_ name: String, number read: @escaping @Sendable (CheckStatistics) -> Int?) -> StatisticsColumn {
        StatisticsColumn(name, server: .number { $0.values.shownCheck.flatMap(read) })
    }

    /// A text column about the questions to a server's agent, which continue during maintenance.
    static func agent(_ name: String, text read: @escaping @Sendable (CheckStatistics) -> String?) -> StatisticsColumn {
        StatisticsColumn(name, server: .text { $0.values.agent.flatMap(read) })
    }

    /// A number column about the questions to a server's agent.
    static func agent(_ name: String, number read: @escaping @Sendable (CheckStatistics) -> Int?) -> StatisticsColumn {
        StatisticsColumn(name, server: .number { $0.values.agent.flatMap(read) })
    }

    /// A column of a feature that tsukada does not have: 0 in the rows in which HAProxy shows a number.
    static func zero(_ name: String, in kinds: StatisticsRowKind...) -> StatisticsColumn { .constant(name, "0", in: kinds) }

    /// A column that HAProxy leaves empty in every row of a TCP proxy.
    static func empty(_ name: String) -> StatisticsColumn { StatisticsColumn(name) }

    /// A column of a constant text.
    static func constant(
        _ name: String, _ text: String, in kinds: [StatisticsRowKind] = [.frontend, .backend, .server, .socket]
    ) -> StatisticsColumn {
        func shown(_ kind: StatisticsRowKind) -> String { kinds.contains(kind) ? text : "" }
        return StatisticsColumn(
            name, frontend: .constant(shown(.frontend)), backend: .constant(shown(.backend)), server: .constant(shown(.server)),
            socket: .constant(shown(.socket)))
    }
}

extension ServerStatistics {
    /// The statistics of its checks; `nil` while it is not checked.
    fileprivate var shownCheck: CheckStatistics? { administration.isMaintenance ? nil : check }
}

extension Duration {
    /// Whole seconds, rounded toward zero.
    var wholeSeconds: Int { Int(components.seconds) }
}

import Wire

/// The kinds of rows; the raw value is the `type` column, its bit the one of `show stat`'s type mask.
enum StatisticsRowKind: Int, Sendable {
    case frontend = 0
    case backend = 1
    case server = 2
}

/// What a line of `show stat` is composed from.
struct StatisticsRow<Values: Sendable>: Sendable {
    /// The proxy that the row belongs to.
    let proxy: ProxyOutline
    /// The row's values.
    let values: Values
    /// False for a reader of level `user`, to whom addresses are not shown.
    var showsAddresses = true
    /// True when servers may have been left out: a backend's status then says how many of how many run.
    var countsServers = false
}

/// How the rows of one kind fill a column.
enum StatisticsField<Values: Sendable>: Sendable {
    /// The same text in every row.
    case constant(String)
    /// A number; nothing for `nil`.
    case number(@Sendable (StatisticsRow<Values>) -> Int?)
    /// A text; nothing for `nil`.
    case text(@Sendable (StatisticsRow<Values>) -> String?)

    /// Nothing in any row.
    static var empty: StatisticsField { .constant("") }
}

/// One column of `show stat`: its name, and for each kind of row its field.
struct StatisticsColumn: Sendable {
    /// The header's word.
    let name: String
    /// The field of frontends.
    let frontend: StatisticsField<FrontendStatistics>
    /// The field of backends.
    let backend: StatisticsField<BackendStatistics>
    /// The field of servers.
    let server: StatisticsField<ServerStatistics>

    /// A column with these fields; kinds without a field show nothing.
    init(
        _ name: String, frontend: StatisticsField<FrontendStatistics> = .empty, backend: StatisticsField<BackendStatistics> = .empty,
        server: StatisticsField<ServerStatistics> = .empty
    ) {
        (self.name, self.frontend, self.backend, self.server) = (name, frontend, backend, server)
    }

    /// A column of what a proxy's rows share.
    static func proxy(_ name: String, _ read: @escaping @Sendable (ProxyOutline) -> String) -> StatisticsColumn {
        StatisticsColumn(name, frontend: .text { read($0.proxy) }, backend: .text { read($0.proxy) }, server: .text { read($0.proxy) })
    }

    /// A column of what every kind counts.
    static func sessions(_ name: String, _ read: @escaping @Sendable (SessionStatistics) -> Int?) -> StatisticsColumn {
        StatisticsColumn(
            name, frontend: .number { read($0.values.sessions) }, backend: .number { read($0.values.sessions) },
            server: .number { read($0.values.sessions) })
    }

    /// A column of servers and backends.
    static func serving(_ name: String, _ read: @escaping @Sendable (ServingStatistics) -> Int?) -> StatisticsColumn {
        StatisticsColumn(name, backend: .number { read($0.values.serving) }, server: .number { read($0.values.serving) })
    }

    /// A column of servers that are checked; empty during a maintenance, when they are not.
    static func check(_ name: String, text read: @escaping @Sendable (CheckStatistics) -> String?) -> StatisticsColumn {
        StatisticsColumn(name, server: .text { $0.values.shownCheck.flatMap(read) })
    }

    /// The same for a number.
    static func check(_ name: String, number read: @escaping @Sendable (CheckStatistics) -> Int?) -> StatisticsColumn {
        StatisticsColumn(name, server: .number { $0.values.shownCheck.flatMap(read) })
    }

    /// A column of something that tsukada never does: 0 in the rows that HAProxy shows it in.
    static func zero(_ name: String, in kinds: StatisticsRowKind...) -> StatisticsColumn { .constant(name, "0", in: kinds) }

    /// A column that HAProxy leaves empty in every row of a TCP proxy.
    static func empty(_ name: String) -> StatisticsColumn { StatisticsColumn(name) }

    /// A column of a constant text.
    static func constant(
        _ name: String, _ text: String, in kinds: [StatisticsRowKind] = [.frontend, .backend, .server]
    ) -> StatisticsColumn {
        func shown(_ kind: StatisticsRowKind) -> String { kinds.contains(kind) ? text : "" }
        return StatisticsColumn(
            name, frontend: .constant(shown(.frontend)), backend: .constant(shown(.backend)), server: .constant(shown(.server)))
    }
}

extension ServerStatistics {
    /// Its checks, while it is checked.
    fileprivate var shownCheck: CheckStatistics? { administration.isMaintenance ? nil : check }
}

extension Duration {
    /// Whole seconds, rounded toward zero.
    var wholeSeconds: Int { Int(components.seconds) }
}

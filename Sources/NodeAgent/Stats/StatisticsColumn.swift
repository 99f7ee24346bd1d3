import Wire

/// The kinds of rows; the raw value is the `type` column, its bit the one of `show stat`'s type mask.
enum StatisticsRowKind: Int, Sendable {
    case frontend = 0
    case backend = 1
    case server = 2
}

/// What a column is read from.
struct StatisticsRow {
    /// The row itself.
    enum Subject {
        case frontend(FrontendStatistics)
        case backend(BackendStatistics)
        case server(ServerStatistics)
    }

    /// The proxy that the row belongs to.
    let proxy: ProxyOutline
    /// The row's kind, with its values.
    let subject: Subject
    /// False for a reader of level `user`, to whom addresses are not shown.
    let showsAddresses: Bool
    /// True when servers may have been left out: a backend's status then says how many of how many run.
    var countsServers = false

    /// The row's kind.
    var kind: StatisticsRowKind {
        switch subject {
        case .frontend: .frontend
        case .backend: .backend
        case .server: .server
        }
    }

    /// `sid`: 0 for the rows of a proxy itself.
    var identifier: Int { if case .server(let server) = subject { server.identifier } else { 0 } }

    /// `svname`.
    var name: String {
        switch subject {
        case .frontend: "FRONTEND"
        case .backend: "BACKEND"
        case .server(let server): server.name
        }
    }

    /// `status`.
    var status: String {
        switch subject {
        case .frontend(let frontend): frontend.status.rawValue
        case .backend(let backend): backend.status.rawValue + (countsServers ? " (\(backend.serversRunning)/\(backend.serversCount))" : "")
        case .server(let server): server.status
        }
    }

    /// What every kind counts.
    var sessions: SessionStatistics {
        switch subject {
        case .frontend(let frontend): frontend.sessions
        case .backend(let backend): backend.sessions
        case .server(let server): server.sessions
        }
    }
}

/// One column of `show stat`: its name, and for each kind of row how its field is read. A kind without a reader leaves the field empty.
struct StatisticsColumn: Sendable {
    /// What a field shows; `nil` for nothing.
    typealias Reader = @Sendable (StatisticsRow) -> String?

    /// The header's word.
    let name: String
    /// The field's reader.
    let read: Reader

    /// A column that every row carries.
    static func all(_ name: String, _ read: @escaping Reader) -> StatisticsColumn { StatisticsColumn(name: name, read: read) }

    /// A column of what every kind counts.
    static func sessions(_ name: String, _ path: any KeyPath<SessionStatistics, Int> & Sendable) -> StatisticsColumn {
        .all(name) { String($0.sessions[keyPath: path]) }
    }

    /// A column of frontends alone.
    static func frontend(_ name: String, _ read: @escaping @Sendable (FrontendStatistics) -> Int) -> StatisticsColumn {
        .all(name) { row in if case .frontend(let frontend) = row.subject { String(read(frontend)) } else { nil } }
    }

    /// A column of backends alone.
    static func backend(_ name: String, _ read: @escaping @Sendable (BackendStatistics) -> String) -> StatisticsColumn {
        .all(name) { row in if case .backend(let backend) = row.subject { read(backend) } else { nil } }
    }

    /// A column of servers alone.
    static func server(_ name: String, _ read: @escaping @Sendable (ServerStatistics) -> String?) -> StatisticsColumn {
        .all(name) { row in if case .server(let server) = row.subject { read(server) } else { nil } }
    }

    /// A column of servers that are checked; empty during a maintenance, when they are not.
    static func check(_ name: String, _ read: @escaping @Sendable (CheckStatistics) -> String?) -> StatisticsColumn {
        .server(name) { $0.administration.isMaintenance ? nil : $0.check.flatMap(read) }
    }

    /// A column of servers and backends.
    static func serving(_ name: String, _ read: @escaping @Sendable (ServingStatistics) -> Int?) -> StatisticsColumn {
        .all(name) { row in
            switch row.subject {
            case .frontend: nil
            case .backend(let backend): read(backend.serving).map(String.init)
            case .server(let server): read(server.serving).map(String.init)
            }
        }
    }

    /// A column of servers and backends that each reads from its own.
    static func pair(
        _ name: String, backend: @escaping @Sendable (BackendStatistics) -> Int, server: @escaping @Sendable (ServerStatistics) -> Int
    ) -> StatisticsColumn {
        .all(name) { row in
            switch row.subject {
            case .frontend: nil
            case .backend(let value): String(backend(value))
            case .server(let value): String(server(value))
            }
        }
    }

    /// A column of something that tsukada never does: 0 in the rows that HAProxy shows it in.
    static func zero(_ name: String, in kinds: StatisticsRowKind...) -> StatisticsColumn {
        .all(name) { kinds.contains($0.kind) ? "0" : nil }
    }

    /// A column that HAProxy leaves empty in every row of a TCP proxy.
    static func empty(_ name: String) -> StatisticsColumn { .all(name) { _ in nil } }
}

extension Duration {
    /// Whole seconds, rounded toward zero.
    var wholeSeconds: Int { Int(components.seconds) }
}

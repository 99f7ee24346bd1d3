import Proxy

/// The structure of one proxy, without values. It stays the same during the life of the process.
struct ProxyOutline: Equatable, Sendable {
    /// One row of a proxy.
    enum Part: Equatable, Sendable {
        /// The frontend, by its index in the configuration.
        case frontend(Int)
        /// A bind of a frontend with `option socket-stats`, by their indexes in the configuration.
        case socket(frontend: Int, bind: Int)
        /// A server.
        case server(ServerReference)
        /// The backend, by its index in the configuration.
        case backend(Int)

        /// The row's kind.
        var kind: StatisticsRowKind {
            switch self {
            case .frontend: .frontend
            case .socket: .socket
            case .server: .server
            case .backend: .backend
            }
        }
    }

    /// `pxname`.
    var name: String
    /// `iid`.
    var identifier: Int
    /// The frontend, by its index in the configuration.
    var frontend: Int?
    /// The backend, by its index in the configuration.
    var backend: Int?
    /// The number of binds with a row: all, or none.
    var socketsCount = 0
    /// The number of servers in the backend.
    var serversCount = 0
    /// `disabled`: `show stat` and a soft stop omit the proxy.
    var isDisabled = false

    /// A proxy with neither frontend nor backend.
    init(name: String, identifier: Int) {
        self.name = name
        self.identifier = identifier
    }

    /// The number of the proxy's rows.
    var partsCount: Int { (frontend == nil ? 0 : 1) + socketsCount + serversCount + (backend == nil ? 0 : 1) }

    /// A row, by its index in HAProxy's order: the frontend, its binds, the servers, the backend.
    func part(at row: Int) -> Part {
        precondition((0..<partsCount).contains(row), "row \(row) of \(partsCount)")
        if let frontend {
            if row == 0 { return .frontend(frontend) }
            if row <= socketsCount { return .socket(frontend: frontend, bind: row - 1) }
        }
        guard let backend else { preconditionFailure("a proxy without a backend has only the rows of its frontend") }
        let place = frontend == nil ? row : row - 1 - socketsCount
        return place < serversCount ? .server(ServerReference(backend: backend, server: place)) : .backend(backend)
    }
}

extension [ProxyOutline] {
    /// The proxies of `configuration`, in the order of the file. The two halves of a `listen` section are one proxy.
    init(_ configuration: AgentConfiguration) {
        self = []
        var places: [Int: Int] = [:]
        for (index, frontend) in configuration.frontends.enumerated() {
            var outline = ProxyOutline(name: frontend.name, identifier: frontend.identifier)
            (outline.frontend, outline.isDisabled) = (index, frontend.isDisabled)
            outline.socketsCount = frontend.countsBinds ? frontend.binds.count : 0
            places[frontend.identifier] = count
            append(outline)
        }
        for (index, backend) in configuration.backends.enumerated() {
            let place = places[backend.identifier] ?? count
            if place == count { append(ProxyOutline(name: backend.name, identifier: backend.identifier)) }
            (self[place].backend, self[place].serversCount, self[place].isDisabled) = (index, backend.servers.count, backend.isDisabled)
        }
        sort { $0.identifier < $1.identifier }
    }

    /// The proxies in the order of a soft stop: those with a frontend come first.
    var stoppingOrder: [ProxyOutline] {
        let running = filter { !$0.isDisabled }
        return running.filter { $0.frontend != nil } + running.filter { $0.frontend == nil }
    }
}

extension AnswerText {
    /// A row for each part of `proxies`, one proxy after the other.
    ///
    /// - Parameter compose: returns the row of one part; an empty row is left out.
    init(head: String, _ proxies: [ProxyOutline], row compose: @escaping (ProxyOutline, ProxyOutline.Part) -> String) {
        var (proxy, part) = (0, 0)
        let rows = AnyIterator<String> {
            while proxy < proxies.count {
                if part < proxies[proxy].partsCount {
                    part += 1
                    return compose(proxies[proxy], proxies[proxy].part(at: part - 1))
                }
                (proxy, part) = (proxy + 1, 0)
            }
            return nil
        }
        self.init(head: head, rows: rows)
    }
}

import Proxy

/// The source of `show stat` and similar commands. It is read row by row, so each row shows the moment at which it is composed.
protocol StatisticsSource {
    /// The proxies, in the order of the file.
    var outlines: [ProxyOutline] { get }
    /// The statistics of the process.
    func processStatistics() -> ProcessStatistics
    /// The row of a frontend.
    func frontendStatistics(_ frontend: Int) -> FrontendStatistics
    /// The row of a bind.
    func socketStatistics(_ bind: Int, of frontend: Int) -> SocketStatistics
    /// The row of a server.
    func serverStatistics(_ server: ServerReference) -> ServerStatistics
    /// The row of a backend.
    func backendStatistics(_ backend: Int) -> BackendStatistics
}

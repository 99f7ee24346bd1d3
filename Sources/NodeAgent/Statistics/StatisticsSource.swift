import Proxy

/// The source of `show stat` and similar commands, one row at a time: a row's values are those of the moment at which it is composed.
protocol StatisticsSource {
    /// The proxies, in the order of the file.
    var outlines: [ProxyOutline] { get }
    /// The process.
    func processStatistics() -> ProcessStatistics
    /// The row of a frontend.
    func frontendStatistics(_ frontend: Int) -> FrontendStatistics
    /// The row of a server.
    func serverStatistics(_ server: ServerReference) -> ServerStatistics
    /// The row of a backend.
    func backendStatistics(_ backend: Int) -> BackendStatistics
}

import Proxy
import Wire

/// Keywords of availability zones.
enum ZoneKeywords {
    static let global: [Keyword<GlobalSettings>] = [
        Keyword(
            "zone", .global, "<name>", "This node's availability zone; servers in the same zone are preferred. Not in HAProxy.", zone)
    ]

    static let proxies: [Keyword<ProxyDraft>] = [
        Keyword(
            "spill-over", .serverSide, "<number>%",
            "Share of the sessions sent to other zones even while the node's own zone has usable servers; default 0%. Not in HAProxy.", spillOver)
    ]

    static let servers: [Keyword<ServerDraft>] = [
        Keyword("zone", .server, "<name>", "The server's availability zone; without one it counts as near on every node. Not in HAProxy.", serverZone)
    ]

    @Sendable private static func zone(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.zone = try line.takeName()
    }

    @Sendable private static func spillOver(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.spillOver = try line.takePercent()
    }

    @Sendable private static func serverZone(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.server.zone = try line.takeName()
    }
}

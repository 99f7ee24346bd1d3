import Proxy
import Wire

/// Keywords of availability zones.
enum ZoneKeywords {
    static let global: [Keyword<GlobalSettings>] = [
        Keyword(
            "zone", .global, "<name>", "The availability zone of this node: its servers come first. tsukada's own.", zone)
    ]

    static let proxies: [Keyword<ProxyDraft>] = [
        Keyword(
            "spill-over", .serverSide, "<number>%",
            "This share of the sessions goes to other zones although the own one has usable servers; 0% without it. tsukada's own.", spillOver)
    ]

    static let servers: [Keyword<ServerDraft>] = [
        Keyword("zone", .server, "<name>", "Its availability zone; near everywhere without it. tsukada's own.", serverZone)
    ]

    @Sendable private static func zone(_ global: inout GlobalSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        global.zone = try line.needName()
    }

    @Sendable private static func spillOver(_ proxy: inout ProxyDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        proxy.backend.spillOver = try line.needPercent()
    }

    @Sendable private static func serverZone(_ draft: inout ServerDraft, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        draft.server.zone = try line.needName()
    }
}

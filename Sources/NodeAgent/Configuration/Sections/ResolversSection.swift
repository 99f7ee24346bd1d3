import Proxy
import Wire

/// `resolvers`: the nameservers that keep addresses of servers current.
struct ResolversSection: ConfigurationSection {
    static let name = "resolvers"
    static let extent = "this file"
    static let nameserversMax = 16
    static let retriesMax = 100
    static let foreignKeywords = [ForeignKeywords(.harmless(advice: "remove the line"), "hold stale;resolve_pool_purge_delay")]

    let location: ConfigurationLocation
    var draft = ResolverSettings(name: "")
    var uses: [String: ConfigurationLocation] = [:]

    init(at location: ConfigurationLocation) { self.location = location }

    mutating func open(_ line: inout ConfigurationLine, in configuration: inout ConfigurationDraft) throws(ConfigurationProblem) {
        line.shape = "<name>"
        draft.name = try line.needName()
        try configuration.need(draft.name, kind: "section 'resolvers'", at: location)
        try line.end()
    }

    static let keywords = KeywordTable<ResolverSettings>([
        Keyword("accepted_payload_size", .resolvers, "<bytes>", "The longest answer over UDP, 512 to 65535.", payloadSize),
        Keyword("hold nx", .resolvers, "<time>", "Takes servers out whose name has not existed for so long; never without it.", holdNX),
        Keyword("hold obsolete", .resolvers, "<time>", "How long an address is kept that answers lack.", holdObsolete),
        Keyword("hold other", .resolvers, "<time>", "Takes servers out after other errors for so long; never without it.", holdOther),
        Keyword("hold refused", .resolvers, "<time>", "Takes servers out after refusals for so long; never without it.", holdRefused),
        Keyword("hold timeout", .resolvers, "<time>", "Takes servers out after silence for so long; never without it.", holdTimeout),
        Keyword("hold valid", .resolvers, "<time>", "How long a good answer is kept; 10s without it.", holdValid),
        Keyword("nameserver", .resolvers, "<name> <address:port>", repetition: .many, "A nameserver, all of which are asked at once.", nameserver),
        Keyword("parse-resolv-conf", .resolvers, "", "Adds the nameservers of /etc/resolv.conf.", systemNameservers),
        Keyword("resolve_retries", .resolvers, "<number>", "Questions after the first one; 3 without it.", retries),
        Keyword("timeout resolve", .resolvers, "<time>", "The time between resolutions, at least; 1s without it.", timeoutResolve),
        Keyword("timeout retry", .resolvers, "<time>", "How long an answer is waited for; 1s without it.", timeoutRetry),
    ])

    @Sendable private static func payloadSize(_ section: inout ResolverSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        section.payloadBytesMax = try line.needSize(in: 512...65_535)
    }

    @Sendable private static func holdNX(_ section: inout ResolverSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        section.holdNX = try line.needTime()
    }

    @Sendable private static func holdObsolete(_ section: inout ResolverSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        section.holdObsolete = try line.needTime()
    }

    @Sendable private static func holdOther(_ section: inout ResolverSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        section.holdOther = try line.needTime()
    }

    @Sendable private static func holdRefused(_ section: inout ResolverSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        section.holdRefused = try line.needTime()
    }

    @Sendable private static func holdTimeout(_ section: inout ResolverSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        section.holdTimeout = try line.needTime()
    }

    @Sendable private static func holdValid(_ section: inout ResolverSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        section.holdValid = try line.needTime()
    }

    @Sendable private static func nameserver(_ section: inout ResolverSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let name = try line.needName()
        let address = try AddressReader(line).readNameserver(line.need())
        guard section.nameservers.count < nameserversMax else { throw .tooMany(what: "nameservers in a section", limit: nameserversMax) }
        guard !section.nameservers.contains(where: { $0.name == name }) else {
            throw .badValue(name, of: line.keyword, expected: "a name that no other nameserver of the section has")
        }
        section.nameservers.append(ResolverSettings.Nameserver(name: name, address: address))
    }

    @Sendable private static func systemNameservers(_ section: inout ResolverSettings, _ line: inout ConfigurationLine) {
        section.usesSystemNameservers = true
    }

    @Sendable private static func retries(_ section: inout ResolverSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        section.retriesMax = try line.needNumber(in: 1...retriesMax)
    }

    @Sendable private static func timeoutResolve(_ section: inout ResolverSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        section.resolveInterval = try line.needPositiveTime()
    }

    @Sendable private static func timeoutRetry(_ section: inout ResolverSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        section.retryTimeout = try line.needPositiveTime()
    }
}

extension KeywordPlaces {
    fileprivate static let resolvers: KeywordPlaces = ["resolvers"]
}

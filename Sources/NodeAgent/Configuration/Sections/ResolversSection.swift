import Proxy
import Wire

/// `resolvers`: the nameservers that keep the addresses of servers current.
struct ResolversSection: ConfigurationSection {
    static let name = "resolvers"
    static let extent = "this file"
    static let nameserversMax = 16
    static let retriesMax = 1_000
    static let foreignKeywords = [ForeignKeywords(.harmless(advice: "remove the line"), "resolve_pool_purge_delay")]

    let location: ConfigurationLocation
    var draft = ResolverSettings(name: "")
    var uses: [String: ConfigurationLocation] = [:]

    init(at location: ConfigurationLocation) { self.location = location }

    mutating func open(_ line: inout ConfigurationLine, in configuration: inout ConfigurationDraft) throws(ConfigurationProblem) {
        line.shape = "<name>"
        draft.name = try line.takeName()
        try configuration.registerUnique(draft.name, kind: "'resolvers' section", at: location)
        try line.end()
    }

    private static let keepsAddresses = "Without the line servers keep their addresses; HAProxy takes them out after 30s."

    static let keywords = KeywordTable<ResolverSettings>([
        Keyword(
            "accepted_payload_size", .resolvers, "<bytes>", differs: "Values below 512 count as 512.",
            "Maximum length of an answer over UDP; at least 512, which is the default.", payloadSize),
        hold("hold nx", differs: keepsAddresses, "Takes a server out when its name has not existed for this time; default: never.") { $0.holdNX = $1 },
        hold("hold obsolete", "How long an address is kept after it disappears from the answers.") { $0.holdObsolete = $1 },
        hold("hold other", differs: keepsAddresses, "Takes a server out when its name has caused other errors for this time; default: never.") {
            $0.holdOther = $1
        },
        hold("hold refused", differs: keepsAddresses, "Takes a server out when the nameservers have refused its name for this time; default: never.") {
            $0.holdRefused = $1
        },
        hold("hold timeout", differs: keepsAddresses, "Takes a server out when the nameservers have not answered for this time; default: never.") {
            $0.holdTimeout = $1
        },
        hold(
            "hold valid", differs: "Limits the time to live of an answer, which HAProxy ignores.", "Maximum time until a name is resolved again; default 10s."
        ) { $0.holdValid = $1 },
        Keyword(
            "nameserver", .resolvers, "<name> <address:port>", repetition: .many,
            differs: "A name instead of the address is an error; after a truncated answer, tsukada asks again over TCP.",
            "A nameserver, with `tcp@` before the address asked over TCP only; all of them are asked at the same time.", nameserver),
        Keyword("parse-resolv-conf", .resolvers, "", "Adds the nameservers of /etc/resolv.conf.", systemNameservers),
        Keyword(
            "resolve_retries", .resolvers, "<number>", differs: "More than 1000 is an error.", "Number of retries after an unanswered question; default 3.",
            retries),
        timeout(
            "timeout resolve", differs: "A minimum: the time to live of an answer also counts. 0 is an error.", "Minimum time between resolutions; default 1s."
        ) {
            $0.resolveInterval = $1
        },
        timeout("timeout retry", differs: "0 is an error.", "How long to wait for an answer before a retry; default 1s.") { $0.retryTimeout = $1 },
    ])

    @Sendable private static func payloadSize(_ section: inout ResolverSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        section.payloadBytesMax = try line.takeSize(in: 12...65_535)
    }

    private static func hold(
        _ name: String, differs difference: String? = nil, _ meaning: String, _ set: @escaping @Sendable (inout ResolverSettings, Duration) -> Void
    ) -> Keyword<ResolverSettings> {
        Keyword(name, .resolvers, "<time>", differs: difference, meaning) { section, line throws(ConfigurationProblem) in set(&section, try line.takeTime()) }
    }

    private static func timeout(
        _ name: String, differs difference: String, _ meaning: String, _ set: @escaping @Sendable (inout ResolverSettings, Duration) -> Void
    ) -> Keyword<ResolverSettings> {
        Keyword(name, .resolvers, "<time>", differs: difference, meaning) { section, line throws(ConfigurationProblem) in
            set(&section, try line.takePositiveTime())
        }
    }

    @Sendable private static func nameserver(_ section: inout ResolverSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        let name = try line.takeName()
        let (address, transport) = try AddressReader(line).readNameserver(line.takeRequired())
        guard section.nameservers.count < nameserversMax else { throw .tooMany(what: "nameservers", limit: nameserversMax) }
        guard !section.nameservers.contains(where: { $0.name == name }) else {
            throw .badValue(name, of: line.keyword, expected: "a name that no other nameserver of the section has")
        }
        section.nameservers.append(ResolverSettings.Nameserver(name: name, address: address, transport: transport))
    }

    @Sendable private static func systemNameservers(_ section: inout ResolverSettings, _ line: inout ConfigurationLine) {
        section.usesSystemNameservers = true
    }

    @Sendable private static func retries(_ section: inout ResolverSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        section.retriesMax = try line.takeNumber(in: 0...retriesMax)
    }
}

extension KeywordPlaces {
    fileprivate static let resolvers: KeywordPlaces = ["resolvers"]
}

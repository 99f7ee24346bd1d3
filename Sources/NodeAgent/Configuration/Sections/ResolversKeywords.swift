import Proxy
import Wire

/// The keywords of `resolvers`.
enum ResolversKeywords {
    static let nameserversMax = 16
    static let retriesMax = 100

    static let keywords: [Keyword] = [
        Keyword("accepted_payload_size", .resolvers, "<bytes>", "The longest answer over UDP, 512 to 65535.", .resolvers(payloadSize)),
        Keyword("hold nx", .resolvers, "<time>", "Takes servers out whose name has not existed for so long; never without it.", .resolvers(holdNX)),
        Keyword("hold obsolete", .resolvers, "<time>", "How long an address is kept that answers lack.", .resolvers(holdObsolete)),
        Keyword("hold other", .resolvers, "<time>", "Takes servers out after other errors for so long; never without it.", .resolvers(holdOther)),
        Keyword("hold refused", .resolvers, "<time>", "Takes servers out after refusals for so long; never without it.", .resolvers(holdRefused)),
        Keyword("hold timeout", .resolvers, "<time>", "Takes servers out after silence for so long; never without it.", .resolvers(holdTimeout)),
        Keyword("hold valid", .resolvers, "<time>", "How long a good answer is kept; 10s without it.", .resolvers(holdValid)),
        Keyword("nameserver", .resolvers, "<name> <address:port>", repetition: .many, "A nameserver, all of which are asked at once.", .resolvers(nameserver)),
        Keyword("parse-resolv-conf", .resolvers, "", "Adds the nameservers of /etc/resolv.conf.", .resolvers(systemNameservers)),
        Keyword("resolve_retries", .resolvers, "<number>", "Questions after the first one; 3 without it.", .resolvers(retries)),
        Keyword("timeout resolve", .resolvers, "<time>", "The time between resolutions, at least; 1s without it.", .resolvers(timeoutResolve)),
        Keyword("timeout retry", .resolvers, "<time>", "How long an answer is waited for; 1s without it.", .resolvers(timeoutRetry)),
    ]

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

    @Sendable private static func payloadSize(_ section: inout ResolverSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        section.payloadBytesMax = try line.needSize(in: 512...65_535)
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

    @Sendable private static func holdValid(_ section: inout ResolverSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        section.holdValid = try line.needTime()
    }

    @Sendable private static func holdObsolete(_ section: inout ResolverSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        section.holdObsolete = try line.needTime()
    }

    @Sendable private static func holdNX(_ section: inout ResolverSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        section.holdNX = try line.needTime()
    }

    @Sendable private static func holdTimeout(_ section: inout ResolverSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        section.holdTimeout = try line.needTime()
    }

    @Sendable private static func holdRefused(_ section: inout ResolverSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        section.holdRefused = try line.needTime()
    }

    @Sendable private static func holdOther(_ section: inout ResolverSettings, _ line: inout ConfigurationLine) throws(ConfigurationProblem) {
        section.holdOther = try line.needTime()
    }
}

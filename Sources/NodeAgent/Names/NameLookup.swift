import LinuxIO
import Proxy
import Wire

/// Why a name in the configuration has no address.
struct NameLookupError: Error, Equatable, CustomStringConvertible {
    /// What went wrong.
    enum Problem: Equatable, Sendable {
        /// The text is not a host name.
        case notAName
        /// This nameserver reports that the name does not exist.
        case noSuchName(according: String)
        /// This nameserver reports that the name exists, but has no address.
        case noAddress(according: String)
        /// The name has addresses, but no address of the family that the configuration requires.
        case noAddressOfFamily(AddressFamily)
        /// This nameserver refuses to answer.
        case refused(by: String)
        /// This nameserver answers with a failure.
        case failed(by: String)
        /// No nameserver of this list has answered.
        case noAnswer(from: [String])
        /// The reactor for the answers could not be created.
        case system(SystemError)
    }

    /// The text to resolve.
    let name: String
    /// What went wrong.
    let problem: Problem

    /// Whether the name is wrong because it certainly has no address. Otherwise the nameservers have failed, and the name may be right.
    var isDenial: Bool {
        switch problem {
        case .notAName, .noSuchName, .noAddress, .noAddressOfFamily: true
        case .refused, .failed, .noAnswer, .system: false
        }
    }

    /// "cannot resolve 'dbserver01': no such name according to 172.20.0.2".
    var description: String {
        let reason =
            switch problem {
            case .notAName: "neither an address nor a host name"
            case .noSuchName(let nameserver): "no such name according to \(nameserver)"
            case .noAddress(let nameserver): "no address according to \(nameserver)"
            case .noAddressOfFamily(let family): "it has no \(family == .v6 ? "IPv6" : "IPv4") address"
            case .refused(let nameserver): "\(nameserver) refuses to answer"
            case .failed(let nameserver): "\(nameserver) reports a failure"
            case .noAnswer(let nameservers): "no answer from \(nameservers.joined(separator: ", "))"
            case .system(let error): error.description
            }
        return "cannot resolve '\(name)': \(reason)"
    }
}

/// Resolves names at start-up, before threads start: the hosts file first, then the nameservers of resolv.conf. Blocks at most as long as a `LookupRound`.
struct NameLookup {
    private let hosts: HostsFile
    private let configuration: ResolvConf
    private let nameservers: [SocketAddress]

    /// Reads both files. As in the system's resolver, a file that is missing or unreadable counts as empty.
    ///
    /// - Parameter port: the port of the nameservers.
    init(hostsPath: String = "/etc/hosts", resolvConfPath: String = "/etc/resolv.conf", port: UInt16 = 53) {
        self.init(hosts: (try? SystemFile.text(hostsPath)) ?? "", resolvConf: (try? SystemFile.text(resolvConfPath)) ?? "", port: port)
    }

    /// Uses the texts of the files.
    init(hosts: String, resolvConf: String, port: UInt16 = 53) {
        self.hosts = HostsFile(hosts)
        configuration = ResolvConf(resolvConf)
        nameservers = configuration.nameservers.map { .ip($0, port: port) }
    }

    /// The addresses of `text`, at least one: those of `family` first, each family in the order of its source. A numeric address is returned unchanged.
    ///
    /// Addresses of the other family are missing if those of `family` arrived first.
    func addresses(of text: String, preferring family: AddressFamily, random: any RandomNumberGenerator) throws(NameLookupError) -> [IPAddress] {
        let question = NameQuestion(family: family, name: text)
        switch addresses(for: [NameInquiry(question: question, hasFallback: false)], random: random)[question] {
        case .success(let addresses)?: return addresses
        case .failure(let error)?: throw error
        case nil: throw NameLookupError(name: text, problem: .notAName)
        }
    }

    /// The addresses of many names, found by asking all nameservers for all names at once.
    ///
    /// - Parameter random: the source of message identifiers; the system's in production.
    func addresses(for inquiries: [NameInquiry], random: any RandomNumberGenerator) -> [NameQuestion: Result<[IPAddress], NameLookupError>] {
        var results: [NameQuestion: Result<[IPAddress], NameLookupError>] = [:]
        var asked: [NameInquiry] = []
        for inquiry in inquiries {
            let known = known(inquiry.question)
            if let known { results[inquiry.question] = known } else { asked.append(inquiry) }
        }
        guard !asked.isEmpty else { return results }
        do throws(SystemError) {
            results.merge(try ask(asked, random)) { known, _ in known }
        } catch {
            for question in asked.map(\.question) { results[question] = .failure(NameLookupError(name: question.name, problem: .system(error))) }
        }
        return results
    }

    /// The name to ask nameservers for repeatedly; `nil` for an address, and for a name in the hosts file.
    func nameToResolve(_ text: String) -> DNSName? {
        guard IPAddress(text) == nil, let name = DNSName(text), hosts.addresses(of: name).isEmpty else { return nil }
        return configuration.candidates(for: text).first
    }

    /// The machine's nameservers in the form of a `resolvers` section.
    func resolverSettings(name: String) -> ResolverSettings {
        var settings = ResolverSettings(name: name)
        settings.nameservers = nameservers.map { .init(name: describe($0), address: $0) }
        return settings
    }

    /// The result if no nameserver is needed; `nil` otherwise.
    private func known(_ question: NameQuestion) -> Result<[IPAddress], NameLookupError>? {
        if let address = IPAddress(question.name) { return .success([address]) }
        guard let name = DNSName(question.name) else { return .failure(NameLookupError(name: question.name, problem: .notAName)) }
        let known = hosts.addresses(of: name)
        return known.isEmpty ? nil : .success(NameLookup.sorted(known, preferring: question.family))
    }

    /// Runs a round to its end.
    private func ask(
        _ inquiries: [NameInquiry], _ random: any RandomNumberGenerator
    ) throws(SystemError) -> [NameQuestion: Result<[IPAddress], NameLookupError>] {
        let reactor = try Reactor()
        let inbox = Inbox()
        let sockets = QuestionSockets(reactor: reactor) { inbox.events.append(($0, $1)) }
        var round = LookupRound(inquiries, configuration, nameservers: nameservers.map(describe), random: random, now: reactor.now)
        drain(&round, into: sockets, now: reactor.now)
        while let deadline = round.nextDeadline {
            reactor.runOnce(waitingAtMost: max(.zero, MonotonicClock.now().duration(to: deadline)))
            for (number, event) in inbox.take() {
                switch event {
                case .message(let message): round.receive(message, for: number, now: reactor.now)
                case .failed: round.questionFailed(number, now: reactor.now)
                }
            }
            round.deadlinePassed(now: reactor.now)
            drain(&round, into: sockets, now: reactor.now)
        }
        return round.results
    }

    /// The events since the last `take`.
    private final class Inbox {
        var events: [(UInt64, QuestionSockets.Event)] = []

        func take() -> [(UInt64, QuestionSockets.Event)] {
            defer { events = [] }
            return events
        }
    }

    private func drain(_ round: inout LookupRound, into sockets: QuestionSockets, now: Instant) {
        while let output = round.nextOutput() {
            switch output {
            case .ask(let question):
                do throws(SystemError) {
                    try sockets.ask(question, of: nameservers[question.nameserver])
                } catch {
                    round.questionFailed(question.number, now: now)
                }
            case .forget(let number): sockets.forget(number)
            }
        }
    }

    /// The nameserver's address, with its port unless that is 53.
    private func describe(_ nameserver: SocketAddress) -> String {
        if nameserver.port == 53, let address = nameserver.address { return address.description }
        return nameserver.description
    }

    private static func sorted(_ addresses: [IPAddress], preferring family: AddressFamily) -> [IPAddress] {
        let isPreferred = { (address: IPAddress) in address.isV6 == (family == .v6) }
        return addresses.filter(isPreferred) + addresses.filter { !isPreferred($0) }
    }
}

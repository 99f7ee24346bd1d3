import LinuxIO
import Proxy
import Wire

/// Why a name that stands in the configuration has no address.
struct NameLookupError: Error, Equatable, CustomStringConvertible {
    /// What went wrong.
    enum Problem: Equatable {
        /// The text is no host name.
        case notAName
        /// These nameservers say that it does not exist.
        case noSuchName(according: String)
        /// The name exists, but has no address.
        case noAddress(according: String)
        /// This nameserver refuses.
        case refused(by: String)
        /// This nameserver fails.
        case failed(by: String)
        /// None of these nameservers has answered.
        case noAnswer(from: [String])
        /// The loop for the answers could not be set up.
        case system(SystemError)
    }

    /// The text that was to be resolved.
    let name: String
    /// What went wrong.
    let problem: Problem

    /// "cannot resolve 'dbserver01': no such name according to 172.20.0.2".
    var description: String {
        let reason =
            switch problem {
            case .notAName: "this is neither an address nor a host name"
            case .noSuchName(let nameserver): "no such name according to \(nameserver)"
            case .noAddress(let nameserver): "it has no address according to \(nameserver)"
            case .refused(let nameserver): "\(nameserver) refuses to answer"
            case .failed(let nameserver): "\(nameserver) answers with a failure"
            case .noAnswer(let nameservers): "no answer from \(nameservers.joined(separator: ", "))"
            case .system(let error): error.description
            }
        return "cannot resolve '\(name)': \(reason)"
    }
}

/// Resolves names at start, before there are threads: the hosts file, then the nameservers of resolv.conf. Blocks, with a bound.
struct NameLookup {
    private let hosts: HostsFile
    private let configuration: ResolvConf
    private let nameservers: [SocketAddress]

    /// Reads both files anew. A file that is missing or cannot be read counts as empty, as the system's resolver has it.
    /// - Parameter port: where the nameservers listen.
    init(hostsPath: String = "/etc/hosts", resolvConfPath: String = "/etc/resolv.conf", port: UInt16 = 53) {
        self.init(hosts: (try? SystemFile.text(hostsPath)) ?? "", resolvConf: (try? SystemFile.text(resolvConfPath)) ?? "", port: port)
    }

    /// The same, from the texts of the files.
    init(hosts: String, resolvConf: String, port: UInt16 = 53) {
        self.hosts = HostsFile(hosts)
        configuration = ResolvConf(resolvConf)
        nameservers = configuration.nameservers.map { .ip($0, port: port) }
    }

    /// The addresses of `text`, at least one: those of `family` first, each family in the order of its source. A numeric address is its own.
    ///
    /// All nameservers are asked at once. Addresses of the other family are left out when those of `family` came first.
    /// - Parameters:
    ///   - patience: how long nameservers are waited for; `nil` for as long as resolv.conf says.
    ///   - random: message identifiers come from it; the system's own one in production.
    func addresses(
        of text: String, preferring family: AddressFamily, patience: Duration? = nil, random: any RandomNumberGenerator
    ) throws(NameLookupError) -> [IPAddress] {
        if let address = IPAddress(text) { return [address] }
        guard let name = DNSName(text) else { throw NameLookupError(name: text, problem: .notAName) }
        let known = hosts.addresses(of: name)
        guard known.isEmpty else { return NameLookup.sorted(known, preferring: family) }
        var group = NameserverGroup(
            settings: NameserverGroup.Settings(
                nameservers: nameservers.count, retriesMax: configuration.attempts - 1, retryTimeout: configuration.timeout, payloadBytesMax: 1232),
            random: random)
        var denial: NameLookupError.Problem?
        for candidate in configuration.candidates(for: text) {
            let outcomes: [RecordOutcome]
            do throws(SystemError) {
                outcomes = try ask(for: candidate, preferring: family, patience, &group)
            } catch {
                throw NameLookupError(name: text, problem: .system(error))
            }
            let found = outcomes.flatMap(\.addresses)
            guard found.isEmpty else { return found }
            let problem = problem(outcomes)
            switch problem {
            // The name as the user wrote it tells more than one with a domain behind it.
            case .noSuchName: denial = candidate == name ? problem : denial ?? problem
            case .noAddress: denial = problem
            default: throw NameLookupError(name: text, problem: problem)
            }
        }
        throw NameLookupError(name: text, problem: denial ?? .notAName)
    }

    /// The name whose address may move: what the nameservers are asked for; `nil` for an address, and for what the hosts file knows.
    func nameToFollow(_ text: String) -> DNSName? {
        guard IPAddress(text) == nil, let name = DNSName(text), hosts.addresses(of: name).isEmpty else { return nil }
        return configuration.candidates(for: text).first
    }

    /// The machine's nameservers as a `resolvers` section.
    func resolverSettings(name: String) -> ResolverSettings {
        var settings = ResolverSettings(name: name)
        settings.nameservers = nameservers.map { .init(name: describe($0), address: $0) }
        return settings
    }

    /// The outcomes of the families, the preferred one first, or of it alone when it has addresses.
    private func ask(
        for name: DNSName, preferring family: AddressFamily, _ patience: Duration?, _ group: inout NameserverGroup
    ) throws(SystemError) -> [RecordOutcome] {
        let reactor = try Reactor()
        let end = patience.map { reactor.now.advanced(by: $0) }
        let inbox = Inbox()
        let sockets = QuestionSockets(reactor: reactor) { inbox.events.append(($0, $1)) }
        var resolution = Resolution(name, &group, now: reactor.now)
        drain(&group, into: sockets, &resolution)
        while !resolution.isSettled {
            if case .complete = resolution.outcome(family) { break }
            if let end, end <= reactor.now { break }
            let next = resolution.nextDeadline ?? reactor.now
            let deadline = min(next, end ?? next)
            reactor.runOnce(waitingAtMost: max(.zero, MonotonicClock.now().duration(to: deadline)))
            for (number, event) in inbox.take() {
                switch event {
                case .message(let message): resolution.receive(message, for: number, &group, now: reactor.now)
                case .failed: resolution.questionFailed(number, &group)
                }
            }
            resolution.deadlinePassed(&group, now: reactor.now)
            drain(&group, into: sockets, &resolution)
        }
        resolution.cancel(&group)
        drain(&group, into: sockets, &resolution)
        return [family, family == .v4 ? .v6 : .v4].compactMap { resolution.outcome($0) }
    }

    /// What came since the last look.
    private final class Inbox {
        var events: [(UInt64, QuestionSockets.Event)] = []

        func take() -> [(UInt64, QuestionSockets.Event)] {
            defer { events = [] }
            return events
        }
    }

    private func drain(_ group: inout NameserverGroup, into sockets: QuestionSockets, _ resolution: inout Resolution) {
        while let output = group.nextOutput() {
            switch output {
            case .ask(let question):
                do throws(SystemError) {
                    try sockets.ask(question, of: nameservers[question.nameserver])
                } catch {
                    resolution.questionFailed(question.number, &group)
                }
            case .forget(let number): sockets.forget(number)
            }
        }
    }

    /// What to tell of families that have both failed: a denial of one of them is worth more than the other's silence.
    private func problem(_ outcomes: [RecordOutcome]) -> NameLookupError.Problem {
        var problems: [NameLookupError.Problem] = []
        for case .failed(let failure, let nameserver) in outcomes {
            let witness = nameserver.map { describe(nameservers[$0]) } ?? ""
            switch failure {
            case .noSuchName: return .noSuchName(according: witness)
            case .noAddress: problems.append(.noAddress(according: witness))
            case .refused: problems.insert(.refused(by: witness), at: 0)
            case .other: problems.insert(.failed(by: witness), at: 0)
            case .timeout: problems.insert(.noAnswer(from: nameservers.map(describe)), at: 0)
            }
        }
        return problems.first ?? .noAnswer(from: nameservers.map(describe))
    }

    /// The address, and the port unless it is the usual one.
    private func describe(_ nameserver: SocketAddress) -> String {
        if nameserver.port == 53, let address = nameserver.address { return address.description }
        return nameserver.description
    }

    private static func sorted(_ addresses: [IPAddress], preferring family: AddressFamily) -> [IPAddress] {
        let isPreferred = { (address: IPAddress) in address.isV6 == (family == .v6) }
        return addresses.filter(isPreferred) + addresses.filter { !isPreferred($0) }
    }
}

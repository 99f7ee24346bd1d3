import Proxy
import Support
import Wire

/// The behaviour of a nameserver in the world.
enum NameserverBehaviour: Equatable {
    /// Answers with these addresses for every name; an empty list is an empty answer.
    case answers([IPAddress], timeToLive: UInt32 = 10)
    /// Fails for this family; returns these addresses for the other one.
    case failsFor(AddressFamily, [IPAddress])
    /// Answers UDP with the first address and the truncation flag; TCP in full.
    case truncates([IPAddress])
    /// The same, but TCP is refused.
    case truncatesWithoutTCP([IPAddress])
    /// Has the records of a service and of its hosts.
    case serves(ServiceZone)
    /// Answers with this RCODE.
    case code(UInt8)
    /// Does not know EDNS0: FORMERR with it, this address without.
    case plainOnly(IPAddress)
    /// Answers a different question.
    case lies
    /// Does not answer.
    case silent
    /// Its host reports that no process listens.
    case unreachable
}

/// The records of one service in a nameserver.
struct ServiceZone: Equatable {
    var services: [DNSService]
    var hosts: [DNSName: [IPAddress]]
    /// Adds the hosts' addresses to the services' answers.
    var givesAddresses = false
    var timeToLive: UInt32 = 10
}

/// A resolver in virtual time among nameservers with configured behaviours.
struct ResolverWorld {
    private struct Delivery {
        let at: Instant
        let number: UInt64
        let message: [UInt8]?
    }

    private(set) var resolver: Resolver
    private(set) var now = Instant(nanoseconds: 1_000_000_000)
    /// One for each nameserver.
    var behaviours: [NameserverBehaviour]
    /// The delay of each nameserver's answers.
    var delays: [Duration]
    /// The resolver's outputs about servers, "0/1 = 10.0.0.1 by r/n1", in order.
    private(set) var events: [String] = []
    private(set) var alarms: [String] = []
    /// The name that each of `alarms` is about.
    private(set) var alarmedNames: [DNSName] = []
    private(set) var addresses: [ServerReference: IPAddress] = [:]
    /// The same addresses with the ports of services.
    private(set) var places: [ServerReference: ResolvedAddress] = [:]
    /// The priorities of service records.
    private(set) var priorities: [ServerReference: Int] = [:]
    private(set) var weights: [ServerReference: Int] = [:]
    /// The result of a proposed address's trial; `nil` leaves the proposal open.
    var verdict: ((IPAddress) -> Bool)? = { _ in true }
    /// Questions with an open socket.
    private(set) var openQuestions: [UInt64] = []
    /// The time of each question.
    private(set) var questionTimes: [Instant] = []
    private(set) var transports: [QuestionTransport] = []
    private(set) var identifiers: [UInt16] = []
    /// The number of questions for each type.
    private(set) var typesAsked: [UInt8: Int] = [:]
    private var deliveries: [Delivery] = []

    init(
        _ behaviours: [NameserverBehaviour], servers: [ResolvedServer], remembered: [DNSName: [KnownName.Entry]] = [:], seed: UInt64 = 1,
        configure: (inout ResolverSettings) -> Void = { _ in }
    ) {
        var settings = ResolverSettings(name: "r")
        settings.nameservers = behaviours.indices.map { .init(name: "n\($0 + 1)", address: .ip(.v4(UInt32($0)), port: 53)) }
        configure(&settings)
        self.behaviours = behaviours
        delays = behaviours.map { _ in .milliseconds(1) }
        for server in servers { addresses[server.reference] = server.address?.host }
        resolver = Resolver(settings: settings, servers: servers, remembered: remembered, random: SplitMix64(seed: seed), now: now)
    }

    /// Advances the time by `duration`.
    mutating func run(_ duration: Duration) {
        let end = now.advanced(by: duration)
        while true {
            let delivery = deliveries.indices.min { deliveries[$0].at < deliveries[$1].at }
            let next = [delivery.map { deliveries[$0].at }, resolver.nextDeadline].compactMap(\.self).min()
            guard let next, next <= end else { break }
            now = max(now, next)
            if let delivery, deliveries[delivery].at <= now {
                let arrived = deliveries.remove(at: delivery)
                if openQuestions.contains(arrived.number) { deliver(arrived) }
            } else {
                resolver.deadlinePassed(now: now)
            }
            drain()
        }
        now = end
    }

    mutating func with(_ body: (inout Resolver, Instant) -> Void) {
        body(&resolver, now)
        drain()
    }

    /// The events since the last call.
    mutating func takeEvents() -> [String] {
        defer { events = [] }
        return events
    }

    private mutating func deliver(_ arrived: Delivery) {
        if let message = arrived.message {
            resolver.receive(message, for: arrived.number, now: now)
        } else {
            openQuestions.removeAll { $0 == arrived.number }
            resolver.questionFailed(arrived.number, now: now)
        }
    }

    private mutating func drain() {
        while let output = resolver.nextOutput() {
            switch output {
            case .ask(let question):
                precondition(!openQuestions.contains(question.number), "duplicate question number")
                openQuestions.append(question.number)
                questionTimes.append(now)
                transports.append(question.transport)
                typesAsked[question.bytes[DNSMessageBuilder.nameEnd(question.bytes) + 1], default: 0] += 1
                identifiers.append(UInt16(question.bytes[0]) << 8 | UInt16(question.bytes[1]))
                reply(to: question)
            case .forget(let number):
                openQuestions.removeAll { $0 == number }
            case .address(let server, let address, let source):
                addresses[server] = address.host
                places[server] = address
                events.append("\(server.backend)/\(server.server) = \(address) by \(source)")
            case .propose(let server, let address):
                events.append("\(server.backend)/\(server.server) ? \(address)")
                guard let verdict else { continue }
                if verdict(address.host) { resolver.accept(server, address) } else { resolver.refuse(server, address) }
            case .priority(let server, let priority): priorities[server] = priority
            case .weight(let server, let weight): weights[server] = weight
            case .lost(let server, let loss):
                (addresses[server], places[server]) = (nil, nil)
                events.append("\(server.backend)/\(server.server) lost: \(loss.description)")
            case .log(_, let text, let name):
                alarms.append(text)
                alarmedNames.append(name)
            }
        }
    }

    private mutating func reply(to question: NameserverQuestion) {
        let at = now.advanced(by: delays[question.nameserver])
        func deliver(_ message: [UInt8]?) { deliveries.append(Delivery(at: at, number: question.number, message: message)) }
        let isUDP = question.transport == .udp
        switch behaviours[question.nameserver] {
        case .answers(let addresses, let timeToLive): deliver(answer(question, 0x8180, addresses, timeToLive: timeToLive))
        case .failsFor(let family, let addresses):
            let isOfFamily = (question.bytes[DNSMessageBuilder.nameEnd(question.bytes) + 1] == 28) == (family == .v6)
            deliver(answer(question, isOfFamily ? 0x8182 : 0x8180, isOfFamily ? [] : addresses))
        case .truncates(let addresses):
            deliver(answer(question, isUDP ? 0x8380 : 0x8180, isUDP ? Array(addresses.prefix(1)) : addresses))
        case .truncatesWithoutTCP(let addresses):
            deliver(isUDP ? answer(question, 0x8380, Array(addresses.prefix(1))) : nil)
        case .serves(let zone): deliver(answer(question, zone))
        case .code(let code): deliver(answer(question, 0x8180 | UInt16(code), []))
        case .plainOnly(let address):
            let isExtended = question.bytes[11] == 1
            deliver(answer(question, isExtended ? 0x8181 : 0x8180, isExtended ? [] : [address]))
        case .lies:
            var message = answer(question, 0x8180, [.v4(0x0606_0606)])
            message[1] &+= 1
            deliver(message)
        case .silent: break
        case .unreachable: deliver(nil)
        }
    }

    private func answer(_ question: NameserverQuestion, _ zone: ServiceZone) -> [UInt8] {
        let end = DNSMessageBuilder.nameEnd(question.bytes)
        let (name, type) = (Array(question.bytes[12..<end]), question.bytes[end + 1])
        guard type == 33 else {
            return answer(question, 0x8180, zone.hosts.first { $0.key.bytes == name }?.value ?? [], timeToLive: zone.timeToLive)
        }
        let given = zone.givesAddresses ? zone.services.flatMap { service in (zone.hosts[service.target] ?? []).map { (service.target.bytes, $0) } } : []
        var message = DNSMessageBuilder(answering: question.bytes, records: UInt16(zone.services.count), additional: UInt16(given.count))
        for service in zone.services { message.service([0xc0, 12], service, timeToLive: zone.timeToLive) }
        for (owner, address) in given { message.address(owner, address, timeToLive: zone.timeToLive) }
        return message.bytes
    }

    private func answer(_ question: NameserverQuestion, _ flags: UInt16, _ addresses: [IPAddress], timeToLive: UInt32 = 10) -> [UInt8] {
        let asksV6 = question.bytes[DNSMessageBuilder.nameEnd(question.bytes) + 1] == 28
        let fitting = addresses.filter { $0.isV6 == asksV6 }
        var message = DNSMessageBuilder(answering: question.bytes, flags: flags, records: UInt16(fitting.count))
        for address in fitting { message.address([0xc0, 12], address, timeToLive: timeToLive) }
        return message.bytes
    }
}

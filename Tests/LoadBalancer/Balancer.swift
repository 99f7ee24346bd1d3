// The load balancer's I/O around the rules of `TargetGroup`: listeners, flows, probes and the log. One thread.

import CLinux
import Foundation
import LinuxIO
import Support
import Wire

/// A load balancer that behaves like AWS's Network Load Balancer.
///
/// It is a proxy, not a packet filter: a client's connect succeeds here, and a target that refuses or is silent shows as a reset or silence afterwards.
final class Balancer {
    /// The maximum number of open flows; more connections are reset.
    static let flowsMax = 4096
    private static let backlog: Int32 = 1024
    private static let acceptsPerTurn = 64

    private struct Counts {
        var given = 0
        var connectsFailed = 0
        var reset = 0
        var broken = 0
    }

    private let settings: BalancerSettings
    private let reactor: Reactor
    private var group: TargetGroup
    private var listeners: [OpenFile] = []
    private var probers: [Prober] = []
    private var control: ControlSocket?
    private var flows: [UInt64: Flow] = [:]
    private var flowNumber: UInt64 = 0
    private var counts: [Counts]
    private var isProxyProtocolOn: Bool
    private var groupTimer: TimerToken?
    private let log: (BalancerEvent) -> Void

    init(_ settings: BalancerSettings, reactor: Reactor, log: @escaping (BalancerEvent) -> Void) throws(SystemError) {
        (self.settings, self.reactor, self.log) = (settings, reactor, log)
        group = TargetGroup(settings.group, targets: settings.targets.map { ($0.name, $0.address) })
        counts = settings.targets.map { _ in Counts() }
        isProxyProtocolOn = settings.isProxyProtocolOn
        for address in settings.listeners { try listen(at: address) }
        for (index, target) in settings.targets.enumerated() {
            // Spreads the probes, so that they do not start at the same moment.
            let delay = .milliseconds(20) + settings.probe.interval * index / settings.targets.count
            let prober = Prober(
                settings.probe, target: target.address, listener: settings.listeners[0], isProxyProtocolOn: isProxyProtocolOn, delay: delay, reactor: reactor
            ) { [weak self] outcome in
                self?.feed { group, now in group.record(outcome, target: index, now: now) }
            }
            probers.append(prober)
        }
        if !settings.controlPath.isEmpty {
            control = try ControlSocket(settings.controlPath, reactor: reactor) { [weak self] command in self?.obey(command) ?? "" }
        }
        endIdleFlows()
    }

    /// The listening addresses, with the port that the kernel has chosen for port 0.
    var addresses: [SocketAddress] { listeners.compactMap { Sockets.localAddress($0.raw) } }

    private func listen(at address: SocketAddress) throws(SystemError) {
        let file = OpenFile(try Sockets.open(.stream, for: address))
        try Sockets.set(SO_REUSEADDR, at: SOL_SOCKET, to: 1, on: file.raw)
        try Sockets.bind(file.raw, to: address)
        try Sockets.listen(file.raw, backlog: Self.backlog)
        try reactor.watch(file.raw, for: .read) { [weak self] _ in self?.accept(from: file) }
        listeners.append(file)
    }

    private func accept(from listener: OpenFile) {
        for _ in 0..<Self.acceptsPerTurn {
            // Without free descriptors the connection waits in the kernel's queue.
            guard let accepted = try? Sockets.accept(listener.raw) else { return }
            let client = OpenFile(accepted)
            do throws(SystemError) {
                try openFlow(of: client)
            } catch {
                Flow.closeWithReset(client.raw)
            }
        }
    }

    private func openFlow(of client: OpenFile) throws(SystemError) {
        var peer = RawSocketAddress()
        guard peer.withMutablePointer({ getpeername(client.raw, $0, $1) }) == 0, let source = peer.address, let own = Sockets.localAddress(client.raw) else {
            throw .last("getpeername")
        }
        let identity = FlowIdentity(source: source, destination: own)
        guard flows.count < Self.flowsMax, let index = group.choose(for: identity) else { throw SystemError("choose", code: ECONNREFUSED) }
        let address = group.targets[index].address
        let server = OpenFile(try Sockets.open(.stream, for: address))
        for raw in [client.raw, server.raw] { try Sockets.set(TCP_NODELAY, at: Int32(IPPROTO_TCP), to: 1, on: raw) }
        if settings.isClientAddressKept {
            try Sockets.set(IP_TRANSPARENT, at: Int32(IPPROTO_IP), to: 1, on: server.raw)
            try Sockets.set(SO_REUSEADDR, at: SOL_SOCKET, to: 1, on: server.raw)
            try Sockets.bind(server.raw, to: source)
        }
        counts[index].given += 1
        _ = try Sockets.connect(server.raw, to: address)
        flowNumber += 1
        let number = flowNumber
        let header = isProxyProtocolOn ? ProxyHeader.proxy(identity) ?? ProxyHeader.local : []
        flows[number] = try Flow(client: client, server: server, target: index, header: header, reactor: reactor) { [weak self] how in
            self?.ended(number, target: index, how)
        }
    }

    private func ended(_ number: UInt64, target: Int, _ how: FlowEnd) {
        flows[number] = nil
        switch how {
        case .connectFailed: counts[target].connectsFailed += 1
        case .resetByBalancer: counts[target].reset += 1
        case .resetByPeer: counts[target].broken += 1
        case .finished, .clientHasGone: break
        }
    }

    /// Passes one input to the rules and carries out their directives.
    private func feed(_ input: (inout TargetGroup, Instant) -> Void) {
        input(&group, reactor.now)
        while let directive = group.nextDirective() {
            switch directive {
            case .log(let event): log(event)
            case .resetFlows(let target, var event):
                let affected = flows.filter { $0.value.target == target }
                for flow in affected.values { flow.reset() }
                event.flowsReset = affected.count
                log(event)
            }
        }
        if let groupTimer { reactor.cancel(groupTimer) }
        groupTimer = group.nextDeadline.map { deadline in
            reactor.setTimer(at: deadline) { [weak self] in self?.feed { group, now in group.deadlinePassed(now: now) } }
        }
    }

    /// Resets idle flows; runs eight times within the idle timeout.
    private func endIdleFlows() {
        let oldest = reactor.now.advanced(by: .zero - settings.idleTimeout)
        for flow in flows.filter({ $0.value.lastActivity < oldest }).values { flow.reset() }
        reactor.setTimer(at: reactor.now.advanced(by: max(.milliseconds(50), settings.idleTimeout / 8))) { [weak self] in self?.endIdleFlows() }
    }

    /// Carries out one command of the control socket.
    /// - Returns: the answer, as complete lines.
    private func obey(_ command: String) -> String {
        let words = command.split(separator: " ").map(String.init)
        var isDone = false
        switch (words.first, words.dropFirst().first) {
        case ("status", nil): return status
        case ("deregister", let name?): feed { group, now in isDone = group.deregister(name, now: now) }
        case ("register", let name?): feed { group, now in isDone = group.register(name, now: now) }
        case ("termination", let value?):
            if let isOn = try? BalancerSettings.isOn(value) { (group.settings.isTerminationOn, isDone) = (isOn, true) }
        case ("proxy-v2", let value?):
            if let isOn = try? BalancerSettings.isOn(value) {
                (isProxyProtocolOn, isDone) = (isOn, true)
                for prober in probers { prober.isProxyProtocolOn = isOn }
            }
        default: return "status | deregister NAME | register NAME | termination on|off | proxy-v2 on|off\n"
        }
        return isDone ? "done\n" : "unknown target, or not possible in its state\n"
    }

    private var status: String {
        let encoder = JSONEncoder()
        return group.targets.indices.map { index in
            let count = counts[index]
            let status = BalancerStatus(
                target: group.targets[index].name, state: group.state(of: index), flows: flows.values.count { $0.target == index }, flowsGiven: count.given,
                connectsFailed: count.connectsFailed, flowsReset: count.reset, flowsBroken: count.broken)
            return (try? encoder.encode(status)).map { String(decoding: $0, as: UTF8.self) + "\n" } ?? ""
        }.joined()
    }
}
